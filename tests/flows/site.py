"""A small site on real trees: catalog, storage, directory, runs written as the DAQ writes them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from sqlmodel import col, select

from catalog.commands import assessing, proposals, registration
from catalog.commands.registration import RegisteredFile
from catalog.engine import Database, Session
from catalog.queries.find import proposal_row
from catalog.queries.journal import history, verify
from catalog.queries.proposals import proposal_view
from catalog.queries.runs import findings_of, run_view
from catalog.tables import Finding, Outbox, TeamMember, User
from catalog.views import HistoryRow, ProposalView, RunView
from deployments.components.slapd import Slapd
from deployments.demo_files import RunRecipe, WrittenRun, write_run
from flows.folders import Done
from flows.provisioning import STEPS
from policies import layout
from policies.actor import SYSTEM
from policies.beamtime import OFFLINE_STEPS, ONLINE_STEPS
from policies.messages import MessageKind
from policies.vocabulary import Assessment, BeamtimeState, RunState, StepName, StepState
from settings.clock import utc_now
from tasks.copying import digest_files
from tasks.records import beamtimes
from tests.catalog.story import ADMIN, FORWARD, new_proposal, post

ONLINE = "XFEL_GPFS_ONLINE_SASE_1"
OFFLINE = "XFEL_GPFS_OFFLINE_RAW_CC"
DCACHE = "DESY_DCACHE_RAW_CC"
NUMBER = 2012
GID = 701_000
MARKER = ".beamkeeper-storage"
SMALL: dict[str, Any] = {"aggregators": ("DA01",), "trains": 4}
"""A run of one small file."""


@dataclass
class Site:
    """Everything that a test of the flows needs.

    Attributes:
        folder: Where it lives.
        database: The catalog, past the flows' own connections.
        config: Its settings file.
        runs: What the DAQ wrote, by run number.
    """

    folder: Path
    database: Database
    config: Path
    runs: dict[int, WrittenRun] = field(default_factory=dict)

    def tree(self, repository: str) -> Path:
        return self.folder / repository.lower()

    def at(self, repository: str, path: str) -> Path:
        """A path of the catalog as it is here."""
        return self.tree(repository) / path.lstrip("/")

    # --- what is on record -------------------------------------------------------------

    def proposal(self, number: int = NUMBER) -> ProposalView:
        with self.database.read() as session:
            return proposal_view(session, number)

    def state(self, number: int = NUMBER) -> BeamtimeState:
        return self.proposal(number).state

    def steps(self, number: int = NUMBER) -> dict[str, tuple[str, str]]:
        return {str(s.name): (str(s.state), s.message) for s in self.proposal(number).steps}

    def run(self, run: int, number: int = NUMBER) -> RunView:
        with self.database.read() as session:
            return run_view(session, number, run)

    def run_state(self, run: int, number: int = NUMBER) -> RunState:
        return self.run(run, number).state

    def findings_of(self, run: int, number: int = NUMBER) -> list[Finding]:
        """Open findings of a run."""
        with self.database.read() as session:
            rows = list(findings_of(session, number, run))
            session.expunge_all()
            return [row for row in rows if row.resolved_at is None]

    def findings(self, run: int, number: int = NUMBER) -> dict[str, bool]:
        """Open findings: check → whether it blocks the migration."""
        return {r.check_name: r.blocks_migration for r in self.findings_of(run, number)}

    def history(self, run: int | None = None, number: int = NUMBER) -> list[HistoryRow]:
        with self.database.read() as session:
            return list(history(session, number, run))

    def events(self, run: int | None = None, number: int = NUMBER) -> list[str]:
        return [row.event for row in self.history(run, number)]

    def outbox(self, **where: object) -> list[Outbox]:
        with self.database.read() as session:
            query = sa.select(Outbox).filter_by(**where).order_by(col(Outbox.id))
            rows = list(session.execute(query).scalars())
            session.expunge_all()
            return rows

    def count(self) -> dict[str, int]:
        """Rows of every table: a repetition adds none; leases and outbox askings aside."""
        with self.database.read() as session:
            names = sa.inspect(session.connection()).get_table_names()
            return {
                n: session.execute(sa.text(f'select count(*) from "{n}"')).scalar_one()
                for n in sorted(names)
            }

    def sound(self) -> bool:
        with self.database.read() as session:
            verdict = verify(session)
        assert verdict.sound, verdict.faults
        return True

    # --- what people and machines do -----------------------------------------------------

    def add_proposal(self, number: int = NUMBER, instrument: str = "SPB", **more: Any) -> None:
        """A proposal as the portal would leave it: team, beamtime, gids."""
        with self.database.write() as session:
            gid = GID + 2 * (number % 1000)
            options = {"gid_participants": gid, "gid_data_managers": gid + 1, **more}
            row = new_proposal(session, number, instrument, **options)
            cycle = f"{number % 1_000_000:06d}"
            row.def_proposal_path = f"/gpfs/exfel/exp/{instrument}/{cycle}/p{number:06d}/raw"
            _person(session, "boss", roles=["admin"])
            for uid, role in {"alice": 1, "bob": 2}.items():
                user = _person(session, uid)
                session.add(TeamMember(proposal_id=row.id, user_id=user, data_access_role=role))

    def replace_team(self, team: dict[str, tuple[int, bool]], number: int = NUMBER) -> None:
        """Another team, as the portal would set it: account → data access role, policy accepted."""
        with self.database.write() as session:
            row = proposal_row(session, number)
            session.connection().execute(
                sa.delete(TeamMember).where(col(TeamMember.proposal_id) == row.id)
            )
            for uid, (role, accepted) in team.items():
                user = _person(session, uid, flg_upex_acceptances=accepted)
                session.add(TeamMember(proposal_id=row.id, user_id=user, data_access_role=role))

    def make_ready(self, number: int = NUMBER) -> None:
        """Folders and rights as `proposal-prepare` leaves them, without groups and engine."""
        for name in (*OFFLINE_STEPS, *ONLINE_STEPS):
            beamtimes.begin_step(number, name)
            done = Done("not here", state=StepState.SKIPPED)
            if name is not StepName.LDAP_GROUPS:
                done = STEPS[name](beamtimes.proposal(number))
            beamtimes.end_step(number, name, done.state, done.message, done.proof)
        with self.database.write() as session:
            for state, event in FORWARD.items():
                proposals.advance(session, number, event, SYSTEM, utc_now())
                if state is BeamtimeState.READY:
                    break

    def raw(self, number: int = NUMBER) -> Path:
        """Where the DAQ writes a proposal's runs."""
        return self.at(ONLINE, self.proposal(number).path)

    def write(self, run: int, number: int = NUMBER, **more: Any) -> WrittenRun:
        """The DAQ opens a run and writes its files."""
        begin = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
        options = {**SMALL, "begin_at": begin, **more}
        begin = options["begin_at"]
        recipe = RunRecipe(proposal=number, run=run, **options)
        body = {
            "proposal": number,
            "run": run,
            "run_type": recipe.run_type,
            "sample": recipe.sample,
            "begin_at": begin.isoformat(),
            "first_train": recipe.first_train,
        }
        with self.database.write() as session:
            answer = post(session, MessageKind.RUN_OPENED, body, f"o{number}-{run}", utc_now())
        assert answer.body["state"] == "applied", answer
        self.runs[run] = write_run(self.raw(number), recipe)
        return self.runs[run]

    def close(self, run: int, number: int = NUMBER, **claims: str) -> None:
        """The DAQ closes a run and says what it wrote.

        Args:
            run: Run number.
            number: Proposal number.
            claims: Checksum claimed for every file, instead of the true one; empty for none.
        """
        written = self.runs[run]
        recipe = written.recipe
        assert recipe.end_at is not None
        files: list[dict[str, Any]] = []
        for f in written.files:
            claim = {"filename": f.filename, "relative_path": f"{layout.run_folder(run)}/"}
            checksum = claims.get("checksum", f.checksum)
            said = {"checksum": checksum} if checksum else {}
            files.append({**claim, "size": f.size_bytes, **said})
        body = {
            "proposal": number,
            "run": run,
            "end_at": recipe.end_at.isoformat(),
            "last_train": recipe.last_train,
            "files": files,
        }
        with self.database.write() as session:
            answer = post(session, MessageKind.RUN_CLOSED, body, f"c{number}-{run}", utc_now())
        assert answer.body["state"] == "applied", answer

    def record(self, run: int, number: int = NUMBER, **more: Any) -> WrittenRun:
        """A run from its first train to its closing message."""
        written = self.write(run, number, **more)
        self.close(run, number)
        return written

    def register(self, run: int, number: int = NUMBER) -> None:
        """Put a run's files on record by the command, without the flow's checks."""
        written = self.runs[run]
        digests = digest_files(written.folder, [f.filename for f in written.files])
        files = [
            RegisteredFile(name, d.size_bytes, d.xxh3_128, d.adler32) for name, d in digests.items()
        ]
        with self.database.write() as session:
            registration.register_files(session, number, run, files, utc_now())

    def request(self, run: int, number: int = NUMBER, **more: Any) -> WrittenRun:
        """A run that is registered and assessed Good by commands: its copy is asked for."""
        written = self.record(run, number, **more)
        self.register(run, number)
        with self.database.write() as session:
            assessing.assess_run(session, number, run, Assessment.GOOD, SYSTEM, utc_now())
        return written

    def fill_shifts(self, shifts: int, number: int = NUMBER) -> None:
        with self.database.write() as session:
            proposals.fill_shifts(session, number, shifts, ADMIN, utc_now())

    def safe(self, run: int, number: int = NUMBER) -> bool:
        """Whether a run is migrated, by everything that can be looked at."""
        view, written = self.run(run, number), self.runs[run]
        assert view.state is RunState.MIGRATED
        assert view.repositories == dict.fromkeys((ONLINE, OFFLINE, DCACHE), "verified")
        for store in (OFFLINE, DCACHE):
            assert contents(self.copy(store, run, number)) == contents(written.folder)
        assert self.link(run, number).resolve() == self.copy(OFFLINE, run, number)
        assert len(self.outbox(work="migration_complete", proposal=number, run=run)) == 1
        assert self.events(run, number).count("complete-migration") == 1
        assert leftovers(self.folder) == []
        return True

    def link(self, run: int, number: int = NUMBER) -> Path:
        """The universal path of a run on the offline storage."""
        return self.at(OFFLINE, self.proposal(number).path) / layout.run_folder(run)

    def copy(self, repository: str, run: int, number: int = NUMBER) -> Path:
        """Where a migration puts a run."""
        view = self.proposal(number)
        top = {OFFLINE: "/gpfs/exfel/d/raw", DCACHE: "/pnfs/desy.de/exfel/archive/XFEL/raw"}
        folder = f"{view.instrument}/{view.cycle}/p{number:06d}/{layout.run_folder(run)}"
        return self.at(repository, f"{top[repository]}/{folder}")


def _person(session: Session, uid: str, **values: Any) -> int:
    """Somebody with an account; known or made. Answers the row id."""
    user = session.exec(select(User).where(User.uid == uid)).first()
    if user is None:
        user = User(uid=uid, name=uid.title(), email=f"{uid}@example.org")
        user.flg_upex_acceptances = user.flg_ldap_account_valid = True
    for name, value in values.items():
        setattr(user, name, value)
    session.add(user)
    session.flush()
    assert user.id is not None
    return user.id


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.is_symlink()
    }


def leftovers(*trees: Path) -> list[str]:
    """Half-written files, locks and files set aside."""
    marks = (".part-", ".copy-", ".quarantine-", "write-test")
    return [
        str(p) for tree in trees for p in tree.rglob("*") if any(mark in p.name for mark in marks)
    ]


@contextmanager
def site_in(folder: Path, url: str, slapd: Slapd | None = None, **more: Any) -> Iterator[Site]:
    """A site whose catalog is migrated and equipped already.

    Args:
        folder: Empty folder.
        url: Address of its catalog.
        slapd: Its directory; None: none is configured.
        more: Further sections of the settings file.
    """
    mounts = {}
    for name in (ONLINE, OFFLINE, DCACHE):
        root = folder / name.lower()
        root.mkdir(parents=True)
        (root / MARKER).write_text(f"{name}\n", encoding="utf-8")
        mounts[name] = str(root)
    content: dict[str, Any] = {
        "home": str(folder),
        "database_url": url,
        "storage": {"mounts": mounts},
        **more,
    }
    if slapd is not None:
        known = slapd.settings().model_dump(mode="json")
        known["password"] = slapd.settings().password.get_secret_value()
        content["directory"] = known
    config = folder / "beamkeeper.yaml"
    config.touch(mode=0o600)
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    database = Database(url)
    try:
        yield Site(folder, database, config)
    finally:
        database.dispose()
        shutil.rmtree(folder, ignore_errors=True)
