"""Every damage is found, also those that the facility's own validator accepts."""

from collections import Counter

import pytest
from extra_data.validation import RunValidator

from policies.audit import audit
from tasks.rawfiles.inspection import inspect_run
from tests.tasks.rawfiles.conftest import CATALOG, digests
from tests.tasks.rawfiles.damages import ACCEPTED, CRASHED, DAMAGES, REJECTED


def peer_says(folder):
    """Outcome of `extra-data-validate`, which shows its progress."""
    try:
        return REJECTED if RunValidator(str(folder), term_progress=True).run_checks() else ACCEPTED
    except (KeyError, ZeroDivisionError):
        return CRASHED


def checks(findings):
    return {f.check for f in findings}


def test_the_matrix_is_complete():
    assert Counter(d.peer for d in DAMAGES) == {REJECTED: 21, CRASHED: 3, ACCEPTED: 11}
    assert len({d.name for d in DAMAGES}) == 35


def test_the_good_run_is_good(good_run, claims):
    facts = inspect_run(good_run.folder).with_digests(digests(good_run.folder))
    assert audit(facts, claims, CATALOG) == []
    assert peer_says(good_run.folder) == ACCEPTED


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.name)
def test_damage_is_found(damage, run_copy, claims):
    damage.do(run_copy)
    facts = inspect_run(run_copy)
    assert damage.check in checks(audit(facts.with_digests(digests(run_copy)), claims, CATALOG))
    assert (damage.check in checks(audit(facts, None, CATALOG))) == damage.alone
    assert peer_says(run_copy) == damage.peer


@pytest.mark.parametrize("name", ["DA01", "JNGFR01"])
def test_a_missing_last_sequence_is_found_too(name, run_copy, claims):
    (run_copy / f"RAW-R0003-{name}-S00001.h5").unlink()
    assert peer_says(run_copy) == ACCEPTED
    facts = inspect_run(run_copy)
    (alone,) = audit(facts, None, CATALOG)
    assert alone.check == "train-coverage"
    assert name in alone.message
    assert "files-claimed" in checks(audit(facts, claims, CATALOG))


def test_a_file_of_another_run_under_a_name_of_this_run(run_copy, claims):
    stranger, name = run_copy / "RAW-R0004-JNGFR01-S00000.h5", "RAW-R0003-JNGFR01-S00000.h5"
    next(d for d in DAMAGES if d.name == "file of another run").do(run_copy)
    stranger.replace(run_copy / name)
    findings = audit(inspect_run(run_copy).with_digests(digests(run_copy)), claims, CATALOG)
    assert {"identity-run", "checksum-claimed"} <= checks(findings)
    assert {f.file for f in findings if f.blocks_migration} == {name}


def test_a_run_in_the_wrong_folder(run_copy):
    findings = audit(inspect_run(run_copy.rename(run_copy.with_name("r0004"))), None, CATALOG)
    assert [(f.check, f.blocks_migration) for f in findings] == [("folder", True)]
