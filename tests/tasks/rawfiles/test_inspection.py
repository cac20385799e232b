"""Inspecting real, foreign and hostile folders; readers that die or hang."""

import os
import re
import signal
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
from extra_data.tests import make_examples

from policies.audit import CatalogFacts, EntryKind, Fault, Severity, TrainRange, audit
from policies.audit_facts import SourceFacts
from policies.errors import Unavailable
from tasks.rawfiles import crew
from tasks.rawfiles.content import read_content
from tasks.rawfiles.entries import fill
from tasks.rawfiles.inspection import inspect_file, inspect_run
from tests.tasks.rawfiles.conftest import BEGIN, RECIPE
from tests.tasks.rawfiles.damages import CONTROL, INDEX, MODULE

NAME = "RAW-R0003-JNGFR01-S{:05d}.h5"

EXAMPLES = [
    ("make_fxe_run", 450, {"format_version": "0.5"}),
    ("make_fxe_run", 450, {"raw": False, "format_version": "1.0"}),
    ("make_spb_run", 238, {"format_version": "1.1"}),
    ("make_reduced_spb_run", 238, {"format_version": "1.2"}),
    ("make_modern_spb_proc_run", 142, {}),
    ("make_scs_run", 163, {}),
    ("make_agipd1m_run", 9015, {}),
    ("make_agipd500k_run", 9023, {}),
    ("make_jungfrau_run", 12, {}),
    ("make_lpd_parallelgain_run", 450, {}),
    ("make_remi_run", 210, {}),
]


@pytest.mark.parametrize(("writer", "run", "how"), EXAMPLES, ids=str)
def test_undamaged_runs_of_every_kind_pass(writer, run, how, tmp_path):
    folder = tmp_path / f"r{run:04d}"
    folder.mkdir()
    getattr(make_examples, writer)(str(folder), **how)
    facts = inspect_run(folder)
    assert facts.num_files == len(list(folder.iterdir()))
    assert all(f.readable and f.sources and not f.faults for f in facts.files)
    assert audit(facts, None, CatalogFacts(700000, run)) == []


def test_a_missed_train_is_a_warning(tmp_path):
    folder = tmp_path / "r0450"
    folder.mkdir()
    make_examples.make_lpd_run_mini_missed_train(str(folder))
    (finding,) = audit(inspect_run(folder), None, CatalogFacts(700000, 450))
    assert (finding.check, finding.severity) == ("train-coverage", Severity.WARNING)
    assert inspect_run(folder).files[1].trains.missing == (TrainRange(10002, 10002),)


def test_two_runs_in_one_folder_are_told_apart(tmp_path):
    folder = tmp_path / "r0012"
    folder.mkdir()
    make_examples.make_fxe_jungfrau_run(str(folder))
    findings = audit(inspect_run(folder), None, CatalogFacts(700000, 12))
    assert {f.check for f in findings} == {"foreign-run", "identity-run"}
    assert all("R0052" in f.file for f in findings)


def test_the_oldest_index_has_first_last_and_status(tmp_path):
    path = tmp_path / NAME.format(0)
    with h5py.File(path, "w") as file:
        make_examples.write_base_index(file, 4, chunksize=8, format_version="0.5")
        file["METADATA/dataSourceId"] = [b"INSTRUMENT/A/B/C:xtdf/image", b""]
        file["INDEX/A/B/C:xtdf/image/first"] = np.array([0, 2, 4, 6, 0, 0, 0, 0], "u8")
        file["INDEX/A/B/C:xtdf/image/last"] = np.array([1, 3, 5, 7, 0, 0, 0, 0], "u8")
        file["INDEX/A/B/C:xtdf/image/status"] = np.array([1, 1, 1, 1, 0, 0, 0, 0], "u4")
        file["INSTRUMENT/A/B/C:xtdf/image/data"] = np.zeros(8)
    assert read_content(path).faults == ()
    with h5py.File(path, "r+") as file:
        file["INDEX/A/B/C:xtdf/image/last"][3] = 8
    assert [f.fault for f in read_content(path).faults] == [Fault.INDEX_BEYOND]


def test_the_facts_of_a_file(good_run):
    seen = []
    facts = inspect_run(good_run.folder, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (facts.first_train, facts.last_train) == (RECIPE.first_train, RECIPE.last_train)
    assert facts.size_bytes == good_run.size_bytes
    file = facts.files[3]
    assert file.filename == "RAW-R0003-JNGFR01-S00001.h5"
    assert file.sources == (SourceFacts("INSTRUMENT", "SPB_IRDA_JF4M/DET/JNGFR01:daqOutput/data"),)
    assert (file.trains.first, file.trains.count) == (RECIPE.first_train + 10, 10)
    assert file.modified_at == RECIPE.end_at
    told = file.metadata
    assert (told.format_version, told.created_at) == ("1.2", BEGIN)
    assert (told.proposal, told.run, told.sequence) == (900054, 3, 1)
    assert (told.run_type, told.sample) == ("Sample", "lysozyme")


def test_the_same_recipe_gives_the_same_payload(good_run, tmp_path):
    from deployments.demo_files import write_run

    again = write_run(tmp_path, RECIPE)
    for name in (MODULE, CONTROL):
        with h5py.File(good_run.folder / name) as one, h5py.File(again.folder / name) as two:
            first, second = (f["RUN/PAYLOAD/value"][:] for f in (one, two))
            assert (first == second).all()
            assert len(np.unique(first)) == 256
    with pytest.raises(FileExistsError):
        write_run(tmp_path, RECIPE)


def test_a_missing_folder_is_no_evidence(tmp_path):
    for folder in (tmp_path / "r0003", Path(__file__)):
        with pytest.raises(Unavailable) as caught:
            inspect_run(folder)
        assert caught.value.retry
        assert caught.value.context["folder"] == str(folder)


def test_an_empty_folder_is_a_fact(tmp_path):
    facts = inspect_run(tmp_path)
    assert (facts.entries, facts.first_train, facts.size_bytes) == ((), None, 0)


def test_whatever_lies_in_the_folder_is_listed(run_copy, monkeypatch):
    secret = run_copy.parent / "secret.h5"
    secret.write_bytes((run_copy / MODULE).read_bytes())
    (run_copy / NAME.format(7)).symlink_to(secret)
    (run_copy / NAME.format(8)).mkdir()
    os.mkfifo(run_copy / NAME.format(9))
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(run_copy)  # a socket's path must be short
        server.bind("daq.sock")
    (run_copy / "sub").mkdir()
    (run_copy / "line\nbreak.h5").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(run_copy) + b"/\xff.txt")).write_bytes(b"1")
    facts = {e.filename: e for e in inspect_run(run_copy).entries}
    kinds = {name: e.kind for name, e in facts.items() if e.filename not in (MODULE, CONTROL)}
    assert kinds == kinds | {
        NAME.format(7): EntryKind.LINK,
        NAME.format(8): EntryKind.FOLDER,
        NAME.format(9): EntryKind.SPECIAL,
        "daq.sock": EntryKind.SPECIAL,
        "sub": EntryKind.FOLDER,
        "line\\nbreak.h5": EntryKind.FILE,
        "\\udcff.txt": EntryKind.FILE,
    }
    assert facts[NAME.format(7)].problem == f"leads to {secret}"
    assert not facts[NAME.format(7)].readable
    findings = audit(inspect_run(run_copy))
    assert sum(f.check == "link" for f in findings) == 3
    assert {f.file for f in findings if f.check == "foreign"} == {
        "daq.sock",
        "sub",
        "line\\nbreak.h5",
        "\\udcff.txt",
    }
    assert "\n" not in "".join(f.message for f in findings)


def test_a_file_that_grows_while_it_is_read(run_copy):
    def read(path):
        content = read_content(path)
        with path.open("ab") as file:
            file.write(b"more")
        return content

    facts = fill(run_copy, MODULE, read)
    assert [f.fault for f in facts.faults] == [Fault.CHANGED]


def test_a_file_that_vanished_is_a_fact(tmp_path):
    facts = inspect_file(tmp_path / MODULE)
    assert (facts.readable, facts.problem) == (False, "cannot stat: No such file or directory")


def rewritten(path, name, **how):
    with h5py.File(path, "r+") as file:
        del file[name]
        file.create_dataset(name, **how)


def virtual(path):
    layout = h5py.VirtualLayout((10,), "u8")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=(10,))
    with h5py.File(path, "r+") as file:
        del file["INDEX/trainId"]
        file.create_virtual_dataset("INDEX/trainId", layout)


def outside(path):
    path.with_name("other.bin").write_bytes(bytes(80))
    where = [(str(path.with_name("other.bin")), 0, 80)]
    rewritten(path, "INDEX/trainId", shape=(10,), dtype="u8", external=where)


def linked(name, link):
    def change(path):
        with h5py.File(path, "r+") as file:
            del file[name]
            file[name] = link

    return change


def circle(path):
    with h5py.File(path, "r+") as file:
        del file["INDEX"]
        file["INDEX"] = h5py.SoftLink("/there")
        file["there"] = h5py.SoftLink("INDEX")


HUGE = {"shape": (2**50,), "dtype": "u8", "chunks": (2**16,)}
HOSTILE_IDS = [
    ("huge", lambda p: rewritten(p, "INDEX/trainId", **HUGE), "shape"),
    (
        "bomb",
        lambda p: rewritten(
            p, "INDEX/trainId", shape=(3,), maxshape=(None,), dtype="u8", chunks=(2**27,)
        ),
        "chunks of 1073741824 bytes",
    ),
    ("float", lambda p: rewritten(p, "INDEX/trainId", data=np.ones(10)), "float64"),
    ("table", lambda p: rewritten(p, "INDEX/trainId", data=np.ones((10, 2), int)), "(10, 2)"),
    ("scalar", lambda p: rewritten(p, "INDEX/trainId", data=1), "shape ()"),
    ("null", lambda p: rewritten(p, "INDEX/trainId", data=h5py.Empty("u8")), "shape None"),
    ("text", lambda p: rewritten(p, "INDEX/trainId", data=["a"]), "object"),
    ("group", linked("INDEX/trainId", h5py.SoftLink("/RUN")), "not found"),
    ("virtual", virtual, "in another file"),
    ("external", outside, "in another file"),
    ("link", linked("INDEX", h5py.ExternalLink("/etc/passwd", "/")), "to /etc/passwd"),
    ("circle", circle, "circles"),
    ("dangling", linked("METADATA", h5py.SoftLink("/nowhere")), "METADATA not found"),
    (
        "sources",
        lambda p: rewritten(
            p, "METADATA/dataSources/dataSourceId", shape=(2**40,), dtype="S20", chunks=(1000,)
        ),
        "shape",
    ),
]


@pytest.mark.parametrize(("change", "says"), [h[1:] for h in HOSTILE_IDS], ids=lambda v: str(v)[:9])
def test_hostile_structures_are_unreadable(change, says, run_copy):
    change(run_copy / MODULE)
    content = read_content(run_copy / MODULE)
    assert not content.readable
    assert says in content.problem


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda p: rewritten(p, f"{INDEX}/first", **HUGE), Fault.TOO_LARGE),
        (lambda p: rewritten(p, f"{INDEX}/first", data=[1.5]), Fault.WRONG_TYPE),
        (
            lambda p: rewritten(p, f"{INDEX}/count", data=np.full(10, 2**64 - 1, "u8")),
            Fault.INDEX_IMPLAUSIBLE,
        ),
        (lambda p: rewritten(p, f"{INDEX}/first", data=np.full(10, -1)), Fault.INDEX_IMPLAUSIBLE),
        (linked(INDEX, h5py.ExternalLink("/etc/passwd", "/")), Fault.LEADS_OUTSIDE),
        (linked("INSTRUMENT", h5py.ExternalLink("x.h5", "/")), Fault.LEADS_OUTSIDE),
        (
            lambda p: rewritten(p, "INDEX/trainId", data=np.full(10, 2**64 - 1, "u8")),
            Fault.TRAIN_IMPLAUSIBLE,
        ),
        (
            lambda p: rewritten(p, "METADATA/runNumber", data=[b"three"]),
            Fault.METADATA_INCOMPLETE,
        ),
        (
            lambda p: rewritten(p, "METADATA/creationDate", data=[b"yesterday"]),
            Fault.METADATA_INCOMPLETE,
        ),
        (
            lambda p: rewritten(p, "METADATA/dataFormatVersion", data=[b"9.9"]),
            Fault.METADATA_INCOMPLETE,
        ),
        (linked("METADATA/sample", h5py.SoftLink("/x")), Fault.METADATA_INCOMPLETE),
    ],
)
def test_hostile_parts_are_faults(change, fault, run_copy):
    change(run_copy / MODULE)
    content = read_content(run_copy / MODULE)
    assert content.readable
    assert fault in {f.fault for f in content.faults}


def test_links_inside_the_file_are_followed(run_copy):
    with h5py.File(run_copy / MODULE, "r+") as file:
        file.move("INDEX", "elsewhere")
        file["INDEX"] = h5py.SoftLink("elsewhere")
    content = read_content(run_copy / MODULE)
    assert (content.readable, content.faults) == (True, ())


def test_texts_are_printable_and_short(run_copy):
    rewritten(run_copy / MODULE, "METADATA/sample", data=[b"a\nb\x1b[2J\xff"])
    rewritten(run_copy / MODULE, "METADATA/runType", data=[b"x" * 10_000])
    told = read_content(run_copy / MODULE).metadata
    assert told.sample == "a\\nb\\x1b[2J\N{REPLACEMENT CHARACTER}"
    assert len(told.run_type) == 200


def test_padding_is_no_fault(run_copy):
    with h5py.File(run_copy / MODULE, "r+") as file:
        for name in ("INDEX/trainId", f"{INDEX}/first", f"{INDEX}/count"):
            file[name].resize(16, axis=0)
    assert read_content(run_copy / MODULE).faults == ()
    with h5py.File(run_copy / MODULE, "r+") as file:
        file["INDEX/trainId"][8:] = 0
    faults = {f.fault for f in read_content(run_copy / MODULE).faults}
    assert faults == {Fault.INDEX_ENTRIES}


def test_random_damage_never_raises_and_never_goes_unread(good_run, tmp_path):
    rng = np.random.default_rng(7)
    original = (good_run.folder / MODULE).read_bytes()
    for number in range(60):
        content = bytearray(original)
        for at in rng.integers(0, 20_000, size=1 + number % 8):
            content[at] = rng.integers(256)
        (tmp_path / NAME.format(number)).write_bytes(content)
    facts = inspect_run(tmp_path, file_timeout_s=30)
    assert len(facts.files) == 60
    assert all(f.readable or f.problem for f in facts.files)
    assert {f.readable for f in facts.files} == {True, False}


def test_readers_stay_small(run_copy):
    crew.dismiss_idle_workers()
    rewritten(run_copy / MODULE, f"{INDEX}/first", **HUGE)
    inspect_run(run_copy)
    (worker,) = crew._bench._idle
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) < 300_000


def busy_crew(folder, signals, timeout_s):
    """Reads a folder while the first reader meets these signals."""
    crew.dismiss_idle_workers()
    found = {}
    with crew.Crew(folder, 1, timeout_s) as readers:
        first = readers._workers[0].process
        for number in signals:
            os.kill(first.pid, number)
        readers.read([MODULE, CONTROL], lambda name, facts: found.update({name: facts}))
    assert first.poll() is not None
    return found


def test_a_file_that_kills_its_reader_is_a_fact(run_copy):
    found = busy_crew(run_copy, [signal.SIGSTOP, signal.SIGSEGV, signal.SIGCONT], 60)
    assert found[MODULE].problem == "the reader died on it (SIGSEGV)"
    assert found[MODULE].size_bytes == (run_copy / MODULE).stat().st_size
    assert found[CONTROL].readable


def test_a_file_that_hangs_its_reader_is_a_fact(run_copy):
    found = busy_crew(run_copy, [signal.SIGSTOP], 3)
    assert found[MODULE].problem == "reading took more than 3 s"
    assert found[CONTROL].readable


def test_readers_end_with_their_process(run_copy):
    pid, fds = os.getpid(), os.pipe()
    child = os.fork()
    if child == 0:  # the child's readers must be its own, and end with it
        try:
            inspect_run(run_copy)
            os.write(fds[1], str(crew._bench._idle[0].process.pid).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    reader = int(os.read(fds[0], 20))
    for fd in fds:
        os.close(fd)
    for _ in range(200):
        if not Path(f"/proc/{reader}").exists() or "Z" in Path(f"/proc/{reader}/stat").read_text():
            break
        threading.Event().wait(0.05)
    else:
        pytest.fail("the reader outlived its process")
    assert os.getpid() == pid


def test_runs_are_inspected_from_several_threads(good_run):
    expected, seen = inspect_run(good_run.folder), []
    threads = [
        threading.Thread(target=lambda: seen.append(inspect_run(good_run.folder))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [expected] * 4
    assert len(crew._bench._idle) <= 2


def test_an_error_of_the_caller_stops_the_readers(good_run):
    crew.dismiss_idle_workers()

    def fail(_done, _total):
        raise RuntimeError("caller")

    with pytest.raises(RuntimeError, match="caller"):
        inspect_run(good_run.folder, fail)
    assert inspect_run(good_run.folder).num_files == 4


def test_dates_far_away_do_not_raise(run_copy):
    os.utime(run_copy / MODULE, ns=(0, -(10**18)))
    os.utime(run_copy / CONTROL, ns=(0, 4 * 10**18))
    facts = {f.filename: f for f in inspect_run(run_copy).files}
    assert facts[MODULE].modified_at < datetime(1970, 1, 1, tzinfo=UTC) < BEGIN
    assert facts[CONTROL].modified_at.year > 2090
