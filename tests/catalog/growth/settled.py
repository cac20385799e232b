"""What is over: runs that were migrated or put aside, with all that is left of them."""

from sqlalchemy.engine import Connection

from catalog.tables import DatasetFile, Finding, Replica, Run
from tests.catalog.growth.ledgers import add_ledgers
from tests.catalog.growth.parts import add_groups, add_proposals, copy_columns, run_columns
from tests.catalog.growth.places import LONG, MIGRATED, proposal_of, proposals, run_number_of
from tests.catalog.growth.writer import Writer, owner, rows, turn


def add_history(connection: Connection, first: int, last: int, files: int) -> None:
    """Settled runs `first … last` with everything that is left of them.

    Args:
        connection: A writing one, to a catalog with its reference rows.
        first: Continue where the last call ended; 1 at first.
        last: Runs afterwards.
        files: Files of each run.
    """
    w, span = Writer(connection), (first, last)
    _old_proposals(w, (1 if first == 1 else proposals(first - 1) + 1, proposals(last)))
    _old_runs(w, span, files)
    _old_files(w, span, files)
    add_ledgers(w, span)


def _old_proposals(w: Writer, span: tuple[int, int]) -> None:
    if span[0] > span[1]:
        return
    add_proposals(w, span, 0, LONG, "'CLO'", "1")


def _old_runs(w: Writer, span: tuple[int, int], files: int) -> None:
    when = {
        name: f"(CASE WHEN {MIGRATED} THEN {w.began('i', plus)} END)"
        for name, plus in (
            ("migration_request_at", 900),
            ("migration_begin_at", 910),
            ("migration_end_at", 1500),
        )
    }
    w.put(
        Run,
        span,
        {
            **run_columns(w, "i", proposal_of("i"), run_number_of("i"), files),
            **when,
            "begin_at": w.began("i"),
            "end_at": w.began("i", 300),
            "flg_run_quality": f"(CASE WHEN {MIGRATED} THEN 1 + (i % 10) / 6 ELSE 0 END)",
            "state": f"(CASE WHEN {MIGRATED} THEN 'migrated' ELSE 'not-interesting' END)",
            "state_since": w.began("i", 1500),
            "inspected_at": w.began("i", 360),
            "created_at": w.began("i"),
            "updated_at": w.began("i", 1500),
        },
    )
    add_groups(w, span, 0, proposal_of("i"))
    for number, (state, only) in enumerate(
        (
            (f"(CASE WHEN {MIGRATED} THEN 'gone' ELSE 'verified' END)", "true"),
            ("'verified'", MIGRATED),
            ("'verified'", MIGRATED),
        )
    ):
        columns = copy_columns(f"3 * i - {number}", "i", number, state, w.began("i", 1500), files)
        w.put(Replica, span, columns, only)
    w.put(
        Finding,
        span,
        {
            "id": "i",
            "proposal_id": proposal_of("i"),
            "run_id": "i",
            "check_name": "'late-files'",
            "severity": "'warning'",
            "first_seen": w.began("i", 360),
            "last_seen": w.began("i", 360),
            "resolved_at": f"(CASE WHEN i % 20 = 0 THEN {w.began('i', 800)} END)",
        },
        "i % 10 = 0",
    )


def _old_files(w: Writer, span: tuple[int, int], files: int) -> None:
    name = (
        f"'RAW-R' || {w.padded(f'{owner(files)} % 10000', 4)} || '-AGIPD'"
        f" || {w.padded(turn(files), 2)} || '-S00000.h5'"
    )
    w.put(
        DatasetFile,
        rows(span, files),
        {
            "id": "i",
            "data_group_id": owner(files),
            "data_group_type_id": "1",
            "filename": name,
            "relative_path": name,
            "byte_size": "1500000000 + i % 1000000",
            "checksum": w.hexed("i", 8),
            "xxh3_128": w.hexed("i * 7919", 32),
            "first_train": "1000000000 + i",
            "last_train": "1000003000 + i",
            "num_trains": "3000",
            "file_creation_at": w.began(owner(files)),
        },
    )
