"""The storage as flows meet it: from the settings of this machine."""

import pytest
from pydantic import ValidationError

from policies import access
from policies.access import Phase, Service
from policies.errors import Invalid, Misconfigured, Mismatch, Unavailable
from settings import model
from settings.storage import AclMode, StorageSettings
from tasks import storage
from tasks.storage import steps
from tasks.storage.port import StoragePort
from tests.tasks.storage.conftest import getfacl

OFF = "XFEL_GPFS_OFFLINE_RAW_CC"
RUN = "/gpfs/exfel/d/raw/MID/202401/p900054/r0007"


@pytest.fixture
def site(area, monkeypatch):
    """A settings file that mounts an offline and an online storage."""
    for name in (OFF, "ONLINE"):
        (area / name).mkdir(mode=0o755)
        (area / name / ".beamkeeper-storage").write_text(f"{name}\n")
    config = area / "beamkeeper.yaml"
    config.write_text(
        "storage:\n"
        f"  mounts: {{{OFF}: {area / OFF}, ONLINE: {area / 'ONLINE'}, GONE: {area / 'gone'}}}\n"
        "  uid_daq: 61001\n  uid_migrator: 61002\n  acl: {ONLINE: mode}\n"
        "  quotas: {usr: 1000}\n"
    )
    monkeypatch.setenv(model.CONFIG, str(config))
    model.load.cache_clear()
    yield area
    model.load.cache_clear()


@pytest.fixture
def bare(area, monkeypatch):
    config = area / "beamkeeper.yaml"
    config.write_text("timezone: Europe/Berlin\n")
    monkeypatch.setenv(model.CONFIG, str(config))
    model.load.cache_clear()
    yield
    model.load.cache_clear()


def test_a_machine_without_storage_says_which_setting_is_missing(bare):
    for ask in (
        storage.offline,
        lambda: storage.storage(OFF),
        lambda: storage.local_path(OFF, RUN),
        lambda: storage.ids(5, 6),
        lambda: storage.link_run("MID", "202401", 900054, 7, RUN),
    ):
        with pytest.raises(Misconfigured, match=r"storage\.mounts"):
            ask()
    assert storage.quotas() == {}


def test_paths_of_the_catalog_are_found_here(site):
    assert storage.local_path(OFF, RUN) == site / OFF / RUN[1:]
    assert storage.mount(OFF) == site / OFF
    with pytest.raises(Unavailable, match="is it mounted"):
        storage.local_path("GONE", RUN)
    with pytest.raises(Misconfigured, match="ELSEWHERE is not mounted here"):
        storage.local_path("ELSEWHERE", RUN)
    with pytest.raises(Invalid):
        storage.local_path(OFF, "/gpfs/../etc")


def test_the_numbers_come_from_the_settings(site):
    ids = storage.ids(700001, 700002)
    assert ids.services == {Service.DAQ: 61001, Service.MIGRATOR: 61002}
    assert (ids.part, ids.managers, ids.keeper) == (700001, 700002, 0)
    assert storage.quotas() == {"usr": 1000}


def test_a_run_is_linked_where_its_data_are(site):
    where = ("MID", "202401", 900054)
    store: StoragePort = storage.offline()
    plan = access.offline(*where, Phase.ACTIVE, storage.ids(700001, 700002))
    store.ensure_folders(plan)
    assert storage.link_run(*where, 7, RUN) is True
    assert storage.link_run(*where, 7, RUN) is False
    here = site / OFF / "gpfs/exfel/exp/MID/202401/p900054/raw/r0007"
    assert here.readlink() == site / OFF / RUN[1:]
    for other in (RUN.replace("p900054", "p900055"), RUN.replace("r0007", "r0008"), "/etc"):
        with pytest.raises(Invalid, match="must end with /MID/202401/p900054/r0007"):
            storage.link_run(*where, 7, other)
    here.unlink()
    here.symlink_to("/etc")
    with pytest.raises(Mismatch):
        storage.link_run(*where, 7, RUN)


DCACHE = "DESY_DCACHE_RAW_CC"
STORED = "/pnfs/desy.de/exfel/archive/XFEL/raw/MID/202401/p900054/r0007"


@pytest.fixture
def apart(site):
    """The same machine with dCache mounted under a root of its own."""
    (site / DCACHE).mkdir(mode=0o755)
    (site / DCACHE / ".beamkeeper-storage").write_text(f"{DCACHE}\n")
    config = site / "beamkeeper.yaml"
    config.write_text(config.read_text().replace("GONE:", f"{DCACHE}: {site / DCACHE}, GONE:"))
    model.load.cache_clear()
    return site


def test_a_run_that_lives_in_dcache_is_linked_where_dcache_is_mounted(apart):
    where = ("MID", "202401", 900054)
    for name, path in ((OFF, RUN), (DCACHE, STORED)):
        folder = storage.local_path(name, path)
        folder.mkdir(parents=True, mode=0o755)
        (folder / "data.h5").write_text(name)
    storage.offline().ensure_folders(
        access.offline(*where, Phase.ACTIVE, storage.ids(700001, 700002))
    )
    here = apart / OFF / "gpfs/exfel/exp/MID/202401/p900054/raw/r0007"
    assert storage.link_run(*where, 7, RUN) is True
    assert (here / "data.h5").read_text() == OFF
    assert storage.link_run(*where, 7, STORED) is True
    assert (here / "data.h5").read_text() == DCACHE
    assert here.readlink() == apart / DCACHE / STORED[1:]
    assert storage.link_run(*where, 7, STORED) is False
    plan = access.run_link(*where, 7, STORED)
    assert storage.offline().drift(access.Plan((), (plan,))) == []
    assert storage.link_run(*where, 7, RUN) is True
    assert (here / "data.h5").read_text() == OFF
    here.unlink()
    here.symlink_to(apart / OFF / STORED[1:].replace("desy.de", "xfel.eu"))
    assert storage.link_run(*where, 7, STORED) is True, "an earlier link that led nowhere is ours"
    assert (here / "data.h5").read_text() == DCACHE


def test_a_cluster_whose_paths_are_the_catalog_s_has_dcache_s_public_name_in_its_links():
    """Nothing is made: the root is this machine's own."""
    plan = access.run_link("MID", "202401", 900054, 7, STORED)
    public = STORED.replace("desy.de", "xfel.eu")
    for mounts, text in (
        ({OFF: "/", DCACHE: "/"}, public),
        ({OFF: "/"}, public),
        ({OFF: "/", DCACHE: "/dcache"}, f"/dcache{STORED}"),
    ):
        site = StorageSettings(mounts=mounts)
        assert storage.opened(site, OFF).link_text(plan.target) == text


def test_steps_do_what_they_say(site):
    """The tasks' own bodies; the engine around them is tested with the flows."""
    ids = storage.ids(700001, 700002)
    plan = access.offline("MID", "202401", 900054, Phase.CLOSED, ids)
    assert len(steps.drift.fn(OFF, plan)) == len(plan.folders) + len(plan.links) + len(plan.parents)
    assert steps.ensure_folders.fn(OFF, plan) > 0
    assert steps.ensure_access.fn(OFF, plan) == len(plan.folders)
    assert steps.drift.fn(OFF, plan) == []
    scratch = next(f for f in plan.folders if f.kind == "scratch")
    (site / OFF / scratch.path[1:] / "x").touch()
    (site / OFF / scratch.path[1:] / "x").chmod(0o666)
    assert steps.freeze.fn(OFF, scratch) == 1
    online = access.online("MID", "202401", 900054, Phase.ACTIVE, ids)
    steps.ensure_folders.fn("ONLINE", online)
    steps.ensure_access.fn("ONLINE", online)
    usr = site / "ONLINE/gpfs/exfel/exp/MID/202401/p900054/usr"
    assert getfacl(usr) == ["user::rwx", "group::rwx", "other::---"]


class _State:
    def __init__(self, error):
        self.error = error

    def result(self):
        if self.error:
            raise self.error


@pytest.mark.parametrize(
    ("error", "again"),
    [(Unavailable("x"), True), (Mismatch("x"), False), (ValueError("x"), False), (None, False)],
)
def test_a_step_is_tried_again_only_where_that_can_help(error, again):
    assert steps.worth_a_retry(None, None, _State(error)) is again


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"mounts": {"A": "relative"}}, "absolute"),
        ({"mounts": {"A": "/a/../b"}}, "absolute"),
        ({"mounts": {}, "acl": {"A": "posix"}}, "acl names A, which mounts does not"),
        ({"mounts": {"A": "/a"}, "acl": {"A": "nfs4"}}, "posix"),
        ({"mounts": {"A": "/a"}, "marker_folders": {"A": ["../x"]}}, "absolute"),
        ({"mounts": {"A": "/a"}, "marker": "../x"}, "pattern"),
        ({"mounts": {"A": "/a"}, "quotas": {"xml": 5}}, "quotas names xml"),
        ({"mounts": {"A": "/a"}, "quotas": {"usr": 0}}, "greater than 0"),
        ({"mounts": {"A": "/a"}, "uid_daq": -1}, "greater than or equal to 0"),
        ({"mounts": {"A": "/a"}, "uid_daq": 2**32 - 1}, "less than"),
        ({"mounts": {"A": "/a"}, "trees": {"disk": "/gpfs/../x"}}, "disk"),
        ({"mounts": {"A": "/a"}, "trees": {"disc": "/gpfs"}}, "disc"),
        ({"mounts": {"A": "/a"}, "mountpoint": "/x"}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(values, said):
    with pytest.raises(ValidationError, match=said):
        StorageSettings(**values)


def test_settings_of_another_facility():
    values = {
        "mounts": {"HALL": "/"},
        "acl": {"HALL": "mode"},
        "marker_folders": {"HALL": ["/data/hall"]},
        "trees": {"universal": "/data/exp", "disk": "/data/disk"},
    }
    site = StorageSettings(**values)
    assert site.acl["HALL"] is AclMode.MODE
    assert site.trees.universal == "/data/exp"
    assert site.trees.user == "/gpfs/exfel/u"
    assert storage.opened(site, "HALL").path("/data/exp").as_posix() == "/data/exp"
