"""The demo's facility: real directory, real trees, real processes, all on loopback."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalog.engine import Database
from deployments.components.directory_client import directory_client
from deployments.components.ports import reserve
from deployments.components.postgres import Postgres, postgres
from deployments.components.slapd import (
    GROUPS_BASE,
    PEOPLE_BASE,
    SERVICE_DN,
    SERVICE_PASSWORD,
    Person,
    Slapd,
    slapd,
)
from deployments.components.slurm import Slurm, slurm
from deployments.daq.client import DaqClient
from deployments.demo.cluster import DETECTOR, UNITS, cluster_sections
from deployments.demo.flows import Operator
from deployments.facility import MANIFEST, own_commands, ready_catalog
from deployments.serving.processes import end_marked
from deployments.serving.rest import EngineApi
from deployments.serving.supervisor import Supervisor
from deployments.standins.calcat import CalcatStandin, with_units
from deployments.standins.portal import PortalStandin
from deployments.standins.portal import load as portal_export
from deployments.standins.subscriber import SubscriberStandin
from policies.signing import SigningKey
from settings.facility import FOLDER
from settings.model import CONFIG, Settings
from settings.model import load as load_settings

ONLINE = ("XFEL_GPFS_ONLINE_SASE_1", "XFEL_GPFS_ONLINE_SASE_2", "XFEL_GPFS_ONLINE_SASE_3")
OFFLINE = "XFEL_GPFS_OFFLINE_RAW_CC"
DCACHE = "DESY_DCACHE_RAW_CC"

LEADER, EXPERT, ADMIN = "leadsci", "expert1", "catadmin"
"""Accounts of the instrument's people; the rest of the cast comes from the portal."""


@dataclass
class World:
    """Everything that a scene may need.

    Attributes:
        folder: Where the demo lives.
        settings: Of this facility.
        database: The catalog.
        supervisor: Engine, workers, gateway, relay.
        directory: The LDAP server.
        portal: The user portal's stand-in.
        subscriber: A program that wants our events.
        daq: The data acquisition's client.
        operator: Fills in forms.
        cluster: The SLURM cluster.
        calcat: The constants catalogue's stand-in.
    """

    folder: Path
    settings: Settings
    database: Database
    supervisor: Supervisor
    directory: Slapd
    portal: PortalStandin
    subscriber: SubscriberStandin
    daq: DaqClient
    operator: Operator
    cluster: Slurm
    calcat: CalcatStandin

    def tree(self, repository: str) -> Path:
        """Root of a repository's tree on this machine."""
        return self.folder / "storage" / repository.lower()


@contextlib.contextmanager
def world(folder: Path, tell: Any) -> Iterator[World]:  # noqa: ANN401
    """Bring the facility up; everything ends with the block.

    Args:
        folder: Where the demo lives; what an earlier one left there is cleared.
        tell: Called with a sentence at each step.
    """
    folder = folder.resolve()
    end_marked(str((folder / "supervisor.json").resolve()))
    clear(folder)
    key = SigningKey("demo-1", secrets.token_hex(24).encode())
    event_key = SigningKey("events-1", secrets.token_hex(24).encode())
    subscriber = SubscriberStandin(event_key)
    portal = PortalStandin()
    people = _people()
    with contextlib.ExitStack() as stack:
        subscriber.start()
        stack.callback(subscriber.stop)
        stack.enter_context(portal)
        calcat = stack.enter_context(CalcatStandin(with_units(UNITS)))
        directory = stack.enter_context(slapd(people=people))
        # On SQLite it answers "database is locked" to workers that ask all the time, whatever
        # is set (docs/decisions/0006).
        cluster = stack.enter_context(slurm(4))
        stack.enter_context(directory_client(directory, cluster))
        engine_database = stack.enter_context(postgres())
        engine_database.create("prefect")
        config = _configure(
            folder,
            directory,
            portal,
            subscriber,
            engine_database,
            (key, event_key),
            cluster,
            calcat,
        )
        os.environ[CONFIG] = str(config)
        load_settings.cache_clear()
        settings = load_settings()
        database = ready_catalog(settings)
        stack.callback(database.dispose)
        supervisor = Supervisor(
            settings.engine,
            settings.home,
            manifest=MANIFEST,
            extra=own_commands(settings, {CONFIG: str(config)}),
            environment={**os.environ, CONFIG: str(config)},
            on_event=tell,
        )
        stack.enter_context(supervisor)
        api = stack.enter_context(EngineApi(settings.engine.api_url, settings.engine.auth_string()))
        gateway = f"http://127.0.0.1:{settings.gateway.port}"
        daq = DaqClient(gateway, "mid-daq", key, folder / "daq-spool")
        yield World(
            folder,
            settings,
            database,
            supervisor,
            directory,
            portal,
            subscriber,
            daq,
            Operator(api),
            cluster,
            calcat,
        )


def clear(folder: Path) -> None:
    """Remove what an earlier demo left, frozen trees included."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _people() -> list[Person]:
    cast = [
        (u["uid"], u["name"], u["email"]) for u in portal_export()["users"] if u["account_valid"]
    ]
    cast += [
        (LEADER, "Lena Leading", "leader@example.org"),
        (EXPERT, "Emil Expert", "expert@example.org"),
        (ADMIN, "Ada Admin", "admin@example.org"),
    ]
    return [Person(uid, name, 30_000 + i, mail) for i, (uid, name, mail) in enumerate(cast)]


def _facility_file(folder: Path) -> Path:
    """European XFEL's file with people at its instruments."""
    content = yaml.safe_load((FOLDER / "xfel.yaml").read_text(encoding="utf-8"))
    content["users"] += [
        {"uid": LEADER, "name": "Lena Leading", "email": "leader@example.org"},
        {"uid": EXPERT, "name": "Emil Expert", "email": "expert@example.org"},
        {"uid": ADMIN, "name": "Ada Admin", "email": "admin@example.org", "roles": ["admin"]},
    ]
    for instrument in content["instruments"]:
        instrument["instrument_leader"] = LEADER
        instrument["experts"] = [EXPERT]
    content["detectors"].append(DETECTOR)
    path = folder / "facility.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def _configure(
    folder: Path,
    directory: Slapd,
    portal: PortalStandin,
    subscriber: SubscriberStandin,
    engine_database: Postgres,
    keys: tuple[SigningKey, SigningKey],
    cluster: Slurm,
    calcat: CalcatStandin,
) -> Path:
    """Write the settings file of this facility; secrets inside, mode 0600."""
    roots = {}
    for name in (*ONLINE, OFFLINE, DCACHE):
        root = folder / "storage" / name.lower()
        root.mkdir(parents=True)
        (root / ".beamkeeper-storage").write_text(name + "\n", encoding="utf-8")
        roots[name] = str(root)
    content = {
        "home": str(folder),
        "database_url": f"sqlite:///{folder / 'catalog.db'}",
        "facility_file": str(_facility_file(folder)),
        "engine": {
            "home": str(folder / "prefect"),
            "port": reserve().number,
            "database_url": engine_database.url("prefect", "asyncpg"),
        },
        "gateway": {
            "port": reserve().number,
            "senders": {
                "mid-daq": {
                    "keys": [{"id": keys[0].id, "secret": keys[0].secret.decode()}],
                    "instruments": ["MID"],
                }
            },
            "subscribers": {
                "damnit": {
                    "url": subscriber.url,
                    "key": {"id": keys[1].id, "secret": keys[1].secret.decode()},
                }
            },
        },
        "directory": {
            "url": directory.url,
            "bind_dn": SERVICE_DN,
            "password": SERVICE_PASSWORD,
            "people_base": PEOPLE_BASE,
            "groups_base": GROUPS_BASE,
            "ca_file": str(directory.ca_file),
        },
        "storage": {"mounts": roots},
        "portal": {"url": portal.url, "token": portal.token},
        **cluster_sections(folder, cluster, calcat),
        "work": {"lease_seconds": 8, "renew_seconds": 2, "lost_after_seconds": 10},
    }
    path = folder / "beamkeeper.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path
