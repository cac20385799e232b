"""The audit's rules, one example each, and what holds for all of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.audit import (
    CHECKS,
    AuditSettings,
    CatalogFacts,
    ClaimedFile,
    Claims,
    EntryKind,
    Fault,
    FileFacts,
    FileFault,
    FileMetadata,
    RegisteredFile,
    RunFacts,
    TrainFacts,
    TrainRange,
    audit,
    audit_markdown,
    checks_made,
    checks_not_made,
)
from policies.audit_run import Case, train_coverage
from policies.errors import Misconfigured
from policies.vocabulary import Severity

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
END = BEGIN + timedelta(minutes=2)
FIRST = 1000


def a_file(aggregator="DA01", sequence=0, *, run=3, first=FIRST, trains=500, **changes):
    told = FileMetadata(
        "1.2", BEGIN, END, 900054, run, sequence, "Sample", "lysozyme", "1.9.0", "2.7.0"
    )
    facts = FileFacts(
        f"RAW-R{run:04d}-{aggregator}-S{sequence:05d}.h5",
        EntryKind.FILE,
        100,
        0,
        END,
        readable=True,
        metadata=told,
        trains=TrainFacts(first, first + trains - 1, trains) if trains else TrainFacts(),
        adler32="0000000a",
        xxh3_128="b" * 32,
    )
    return replace(facts, **changes)


def told(entry, **changes):
    return replace(entry, metadata=replace(entry.metadata, **changes))


def faulty(fault):
    return a_file(faults=(FileFault(fault, "INDEX/x", "3"),))


PAIR = (a_file(), a_file(sequence=1, first=1500))
SECOND = PAIR[1].filename
CATALOG = CatalogFacts(900054, 3, "SPB", "RAW", {})
CLAIMS = Claims(
    FIRST,
    1999,
    tuple(ClaimedFile(f.filename, "r0003/", 100, "0000000A") for f in PAIR),
    "Sample",
    "lysozyme",
    BEGIN,
    END,
    frozenset({"DA01"}),
)


def judged(entries=PAIR, claims=CLAIMS, catalog=CATALOG, settings=None, folder="r0003"):
    return audit(RunFacts(folder, tuple(entries)), claims, catalog, settings)


def on_record(**files):
    return replace(CATALOG, registered={SECOND: RegisteredFile(100, "0000000a", "b" * 32), **files})


A, B = PAIR
LINK = FileFacts(B.filename, EntryKind.LINK, 0, 0, END, problem="leads to /x")
NOTE = FileFacts("notes.txt", EntryKind.FILE, 5, 0, END)
RECORD = {SECOND: RegisteredFile(100, "0000000a", "b" * 32)}
EXAMPLES = {
    "empty": {"entries": [NOTE]},
    "unreadable": {"entries": [A, replace(B, readable=False, metadata=None, problem="torn")]},
    "link": {"entries": [A, LINK]},
    "folder": {"folder": "r0004"},
    "foreign-run": {"entries": [*PAIR, a_file(run=4)]},
    "identity-run": {"entries": [A, told(B, run=4)]},
    "identity-proposal": {"entries": [A, told(B, proposal=2012)]},
    "identity-sequence": {"entries": [A, told(B, sequence=0)]},
    "checksum-claimed": {"entries": [A, replace(B, adler32="0000000b")]},
    "checksum-registered": {
        "entries": [A, replace(B, xxh3_128="c" * 32)],
        "catalog": replace(CATALOG, registered=RECORD),
    },
    "size-registered": {
        "entries": [A, replace(B, size_bytes=99)],
        "catalog": replace(CATALOG, registered=RECORD),
    },
    "size-claimed": {"entries": [A, replace(B, size_bytes=99)]},
    "files-claimed": {"entries": [A]},
    "files-registered": {"entries": [A], "catalog": replace(CATALOG, registered=RECORD)},
    "sequences": {"entries": [B]},
    "modules": {"claims": replace(CLAIMS, aggregators=frozenset({"DA01", "AGIPD00"}))},
    "train-coverage": {"entries": [A, a_file(sequence=1, first=1500, trains=480)]},
    "train-gaps": {"entries": [A, a_file(sequence=1, first=1500, trains=499)]},
    "trains-claimed": {"claims": replace(CLAIMS, first_train=999)},
    "no-trains": {"entries": [a_file(trains=0)]},
    "train-ids": {"entries": [faulty(Fault.TRAIN_ZERO), B]},
    "index": {"entries": [faulty(Fault.INDEX_GAP), B]},
    "sources": {"entries": [faulty(Fault.SOURCE_MISSING), B]},
    "timestamps": {"entries": [faulty(Fault.TIMESTAMP_ORDER), B]},
    "metadata": {"entries": [faulty(Fault.METADATA_INCOMPLETE), B]},
    "structure": {"entries": [faulty(Fault.LEADS_OUTSIDE), B]},
    "still-changing": {"entries": [faulty(Fault.CHANGED), B]},
    "foreign": {"entries": [*PAIR, NOTE]},
    "unclaimed": {"claims": replace(CLAIMS, files=CLAIMS.files[:1])},
    "modified": {"entries": [A, replace(B, modified_at=END + timedelta(minutes=61))]},
    "created": {"entries": [A, told(B, created_at=BEGIN - timedelta(minutes=11))]},
    "run-type": {"entries": [A, told(B, run_type="Dark")]},
    "sample": {"entries": [A, told(B, sample="water")]},
}


def test_a_good_run_is_silent():
    assert judged() == []
    assert judged(claims=None, catalog=None) == []
    assert judged(catalog=replace(CATALOG, registered=RECORD)) == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.name)
def test_each_row_finds_its_example(check):
    findings = [f for f in judged(**EXAMPLES[check.name]) if f.check == check.name]
    assert len(findings) == 1
    assert findings[0].severity is check.severity
    assert findings[0].blocks_migration is check.blocks
    assert findings[0].message
    assert findings[0].expected
    assert findings[0].found


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_is_somebodys(fault):
    assert len(judged([faulty(fault), B])) == 1


def test_only_wrong_identity_and_rotten_bytes_block():
    assert {c.name for c in CHECKS if c.blocks} == {
        "empty",
        "unreadable",
        "link",
        "folder",
        "foreign-run",
        "identity-run",
        "identity-proposal",
        "checksum-claimed",
        "checksum-registered",
        "size-registered",
        "size-claimed",
    }
    assert all(c.severity is Severity.ERROR for c in CHECKS if c.blocks)
    assert all(c.because and c.sentence and c.source for c in CHECKS)


def test_the_whitelisted_map_passes_and_a_claimed_stranger_is_named_because_it_stays_behind():
    cache = replace(NOTE, filename="karabo_data_map.json")
    assert judged([*PAIR, cache]) == []
    listed = replace(CLAIMS, files=(*CLAIMS.files, ClaimedFile("notes.txt")))
    (stranger,) = judged([*PAIR, NOTE], claims=listed)
    assert (stranger.check, stranger.file) == ("foreign", "notes.txt")
    assert stranger.message.startswith("was written by the DAQ and will not be copied")
    folder = replace(NOTE, filename="karabo_data_map.json", kind=EntryKind.FOLDER)
    assert [f.check for f in judged([*PAIR, folder])] == ["foreign"]


def test_a_digest_that_could_not_be_computed_stays_open():
    unknown = [A, replace(B, adler32="", xxh3_128="")]
    findings = judged(unknown, catalog=replace(CATALOG, registered=RECORD))
    assert [f.check for f in findings] == ["checksum-claimed", "checksum-registered"]
    assert all("could not be read" in f.message for f in findings)


def test_without_any_digest_the_checksums_are_not_made():
    bare = [replace(f, adler32="", xxh3_128="") for f in PAIR]
    facts = RunFacts("r0003", tuple(bare))
    assert audit(facts, CLAIMS, CATALOG) == []
    assert checks_not_made(facts, CLAIMS, CATALOG)["checksum-claimed"].startswith("not known: comp")
    assert "checksum-claimed" not in checks_made(facts, CLAIMS, CATALOG)


def test_edges_of_the_thresholds():
    at_the_hour = replace(B, modified_at=END + timedelta(hours=1))
    in_slack = told(B, created_at=END + timedelta(minutes=10))
    assert judged([A, at_the_hour]) == judged([A, in_slack]) == []
    strict = AuditSettings(modified_after=timedelta(0), creation_tolerance=timedelta(0))
    assert [f.check for f in judged([A, at_the_hour], settings=strict)] == ["modified"]
    assert [f.check for f in judged([A, in_slack], settings=strict)] == ["created"]
    ten_gone = [A, a_file(sequence=1, first=1500, trains=490)]
    assert "train-gaps" in {f.check for f in judged(ten_gone)}
    eleven_gone = [A, a_file(sequence=1, first=1500, trains=489)]
    assert "train-coverage" in {f.check for f in judged(eleven_gone)}


def test_missing_trains_are_named():
    holes = (TrainRange(1510, 1519), TrainRange(1530, 1530))
    torn = replace(B, trains=TrainFacts(1500, 1999, 489, holes, 11))
    (finding,) = judged([A, torn])
    assert finding.message == "DA01: 11 of 1000 trains missing (1.10%): 1510-1519, 1530"


def test_modules_between_others():
    modules = [a_file(f"AGIPD{n:02d}", trains=1000) for n in (0, 1, 3)]
    (finding,) = judged(modules, claims=None)
    assert (finding.check, "AGIPD02" in finding.message) == ("modules", True)


def test_sequences_that_overlap_in_time():
    (finding,) = judged([A, a_file(sequence=1, first=1499, trains=501)])
    assert (finding.check, finding.file) == ("sequences", SECOND)


def test_a_corrected_file_among_raw_ones():
    stray = a_file(filename="CORR-R0003-DA01-S00000.h5")
    assert "foreign-run" in {f.check for f in judged([*PAIR, stray])}


def test_old_files_say_nothing_about_themselves():
    old = [replace(f, metadata=FileMetadata("0.5")) for f in PAIR]
    assert judged(old) == []


def test_files_that_disagree_without_a_claim():
    files = [A, told(B, sample="water")]
    assert [f.check for f in judged(files, claims=None)] == ["sample"]


def test_a_site_may_disable_and_soften():
    wrong = [A, told(B, run=4)]
    soft = judged(wrong, settings=AuditSettings(not_blocking=frozenset({"identity-run"})))
    assert [(f.check, f.blocks_migration) for f in soft] == [("identity-run", False)]
    off = AuditSettings(disabled=frozenset({"identity-run"}))
    assert judged(wrong, settings=off) == []
    left_out = checks_not_made(RunFacts("r0003", PAIR), CLAIMS, CATALOG, off)
    assert left_out["identity-run"] == "disabled by the settings"
    with pytest.raises(Misconfigured, match="no-such-check"):
        judged(settings=AuditSettings(disabled=frozenset({"no-such-check"})))


def test_many_faults_make_one_finding_of_bounded_length():
    faults = tuple(FileFault(Fault.INDEX_GAP, f"INDEX/{n}", "x" * 100) for n in range(200))
    (finding,) = judged([replace(A, faults=faults), B])
    assert len(finding.message) < 2100
    assert "(200 in all)" in finding.message


def test_the_table_reads_as_a_page():
    page = audit_markdown().splitlines()
    assert len(page) == len(CHECKS) + 2
    assert len({line.count("|") for line in page}) == 1


some_ids = st.lists(st.integers(0, 30), max_size=31, unique=True)


def as_trains(ids):
    ids = sorted(ids)
    if not ids:
        return TrainFacts()
    gone = [i for i in range(ids[0], ids[-1]) if i not in ids]
    ranges = []
    for i in gone:
        if ranges and ranges[-1][1] == i - 1:
            ranges[-1][1] = i
        else:
            ranges.append([i, i])
    return TrainFacts(ids[0], ids[-1], len(ids), tuple(TrainRange(*r) for r in ranges), len(gone))


@given(some_ids, some_ids, st.integers(0, 30), st.integers(0, 30))
def test_coverage_equals_counting(one, two, first, last):
    first, last = sorted((first, last))
    middle = max(one, default=-1)
    two = [i for i in two if i > middle]
    files = (
        replace(A, trains=as_trains(one)),
        replace(B, trains=as_trains(two)),
    )
    claims = Claims(first, last)
    case = Case(
        RunFacts("r0003", files), claims, CatalogFacts(), AuditSettings(missing_trains_max=0)
    )
    lacking = set(range(first, last + 1)) - {*one, *two}
    hits = list(train_coverage(case))
    assert bool(hits) == bool(lacking)
    if hits:
        assert hits[0].found == f"DA01 {len(lacking)} of {last - first + 1} trains missing"


instants = st.datetimes(timezones=st.just(UTC))
maybe_number = st.none() | st.integers(0, 2**62)
names = st.sampled_from([A.filename, B.filename, "RAW-R0004-AGIPD03-S00002.h5", "x", "a\\nb.h5"])
some_files = st.builds(
    FileFacts,
    names,
    st.sampled_from(EntryKind),
    st.integers(0, 200),
    st.just(0),
    instants,
    st.booleans(),
    st.text(max_size=5),
    st.none()
    | st.builds(FileMetadata, st.just("1.2"), st.none() | instants, st.none(), maybe_number),
    some_ids.map(as_trains),
    st.just(()),
    st.lists(st.builds(FileFault, st.sampled_from(Fault), st.text(max_size=4))).map(tuple),
    st.sampled_from(["", "0000000a", "0000000b"]),
)
some_runs = st.builds(
    RunFacts,
    st.sampled_from(["r0003", "r0004", "tmp"]),
    st.lists(some_files, unique_by=lambda f: f.filename).map(tuple),
)
some_claims = st.none() | st.builds(
    Claims,
    maybe_number,
    maybe_number,
    st.lists(st.builds(ClaimedFile, names, st.just(""), maybe_number)).map(tuple),
    st.none() | st.text(max_size=3),
    st.none() | st.text(max_size=3),
    st.none() | instants,
    st.none() | instants,
    st.frozensets(st.sampled_from(["DA01", "AGIPD03", "LPD00"])),
)
some_catalogs = st.none() | st.builds(
    CatalogFacts,
    st.none() | st.just(900054),
    st.none() | st.sampled_from([3, 4]),
    registered=st.dictionaries(names, st.builds(RegisteredFile, st.integers(0, 200))),
)


@given(some_runs, some_claims, some_catalogs)
def test_whatever_is_seen_is_judged(facts, claims, catalog):
    findings = audit(facts, claims, catalog)
    keys = [(f.check, f.file) for f in findings]
    assert len(set(keys)) == len(keys)
    made = checks_made(facts, claims, catalog)
    left_out = checks_not_made(facts, claims, catalog)
    assert {f.check for f in findings} <= set(made)
    assert sorted([*made, *left_out]) == sorted(c.name for c in CHECKS)
    rows = {c.name: c for c in CHECKS}
    assert all(f.blocks_migration is rows[f.check].blocks for f in findings)


@given(some_runs, some_claims)
def test_more_knowledge_never_hides_an_unreadable_file(facts, claims):
    bare = {f.file for f in audit(facts) if f.check == "unreadable"}
    full = {f.file for f in audit(facts, claims, CATALOG) if f.check == "unreadable"}
    assert bare == full
