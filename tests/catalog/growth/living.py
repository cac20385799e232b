"""What goes on now: what sweeps are after, the same however long the history is."""

from datetime import timedelta

from sqlalchemy.engine import Connection

from catalog.tables import Change, Finding, Inbox, Lease, Obligation, Outbox, Replica, Run
from tests.catalog.growth.parts import add_groups, add_proposals, copy_columns, run_columns
from tests.catalog.growth.writer import NOW, Writer, owner, pick, rows, turn

LIVING = 900_000
"""Number of the first proposal of the living part."""

LIVING_ID = 50_000_000
"""Row ids of the living part begin here: they are the youngest, as in life."""


def add_living(connection: Connection, runs: int, files: int) -> None:
    """What goes on now, in five proposals: a tenth of the runs in each stage.

    Of ten runs: 0 is open, 1 and 2 are closed, 3 waits for its copy too long, 4 is being
    copied too long (every other with a live lease), 5 was never inspected, 6 failed, 7 lacks
    its second copy, 8 is migrated, 9 is not interesting.
    """
    w, span, base = Writer(connection), (1, runs), LIVING_ID
    each = max(1, runs // 5)
    at = f"({base} + 1 + (i - 1) / {each})"
    number = f"({LIVING} + (i - 1) / {each})"
    run = f"(1 + (i - 1) % {each})"
    add_proposals(
        w,
        (1, (runs - 1) // each + 1),
        base,
        LIVING,
        "'A'",
        "(SELECT min(id) - 1 FROM instruments) + i",
    )
    hour = w.at(f"{int((NOW - timedelta(hours=1)).timestamp())} - i")
    stage = "i % 10"
    w.put(
        Run,
        span,
        {
            **run_columns(w, f"{base} + i", at, run, files),
            "begin_at": hour,
            "flg_run_quality": pick(stage, "-1", "-1", "-1", "1", "1", "-1", "2", "1", "1", "0"),
            "state": pick(
                stage,
                "'open'",
                *["'closed'"] * 2,
                "'migration-requested'",
                "'migrating'",
                "'closed'",
                "'migration-failed'",
                *["'migrated'"] * 2,
                "'not-interesting'",
            ),
            "state_since": hour,
            "inspected_at": f"(CASE WHEN {stage} IN (0, 5) THEN NULL ELSE {hour} END)",
            "migration_end_at": f"(CASE WHEN {stage} IN (7, 8) THEN {hour} END)",
            "created_at": hour,
            "updated_at": hour,
        },
    )
    add_groups(w, span, base, at)
    online = pick(stage, "'planned'", *["'verified'"] * 4, "'planned'", *["'verified'"] * 4)
    further = pick(
        stage,
        *["NULL"] * 3,
        "'planned'",
        "'copying'",
        "NULL",
        "'suspect'",
        *["'verified'"] * 2,
        "NULL",
    )
    second = pick(
        stage,
        *["NULL"] * 3,
        "'planned'",
        "'planned'",
        "NULL",
        "'planned'",
        "'planned'",
        "'verified'",
        "NULL",
    )
    for copy, state in enumerate((online, further, second)):
        columns = copy_columns(
            f"{3 * base} + 3 * i - {copy}", f"{base} + i", copy, state, hour, files
        )
        w.put(Replica, span, columns, f"{state} IS NOT NULL")
    w.put(
        Finding,
        span,
        {
            "id": f"{base} + i",
            "proposal_id": at,
            "run_id": f"{base} + i",
            "check_name": "'sizes'",
            "severity": "'error'",
            "blocks_migration": "true",
            "first_seen": hour,
            "last_seen": hour,
        },
        "i % 20 = 3",
    )
    _living_work(w, span, number, run, hour)


def _living_work(w: Writer, span: tuple[int, int], number: str, run: str, hour: str) -> None:
    base, now, stage = LIVING_ID, w.at(str(int(NOW.timestamp()))), "i % 10"
    future = w.ago(-timedelta(hours=1))
    named = {"proposal": number, "run": run}
    kind = pick(stage, "'event'", *["'flow'"] * 7, "'event'", "'delivery'")
    w.put(
        Outbox,
        span,
        {
            **named,
            "id": f"{base} + i",
            "key": "'living:' || i",
            "kind": kind,
            "work": pick(
                stage,
                "'daq_run_complete'",
                *["'run-closed'"] * 2,
                *["'run-migrate'"] * 2,
                "'run-closed'",
                *["'run-migrate'"] * 2,
                *["'migration_complete'"] * 2,
            ),
            "parameters": """'{"proposal": 900000, "run": 17}'""",
            "asked_at": hour,
            "due_at": f"(CASE WHEN i % 20 = 9 THEN {future} ELSE {hour} END)",
            "sent_at": f"(CASE WHEN {stage} IN (1, 2, 8, 9) THEN NULL ELSE {hour} END)",
            "sent_to": f"(CASE WHEN {stage} = 9 THEN 'damnit' ELSE '' END)",
            "concluded_at": f"(CASE WHEN i % 20 IN (0, 3, 4, 5, 6, 7, 10, 13, 14) THEN {hour} END)",
        },
    )
    w.put(
        Obligation,
        span,
        {
            **named,
            "id": f"{base} + i",
            "key": "'living:' || i",
            "duty": pick(
                stage, "'stale-open-run'", *["'auto-quality'"] * 5, *["'retry-migration'"] * 4
            ),
            "due_at": f"(CASE WHEN {stage} = 0 THEN {future} ELSE {hour} END)",
            "created_at": hour,
        },
        f"{stage} IN (0, 1, 2, 6)",
    )
    w.put(
        Inbox,
        span,
        {
            "id": f"{base} + i",
            "sender": "'spb-daq'",
            "event_id": "'living:' || i",
            "kind": "'run-closed'",
            "body": """'{"proposal": 900000, "run": 17}'""",
            "body_sha256": w.hexed("i", 64),
            "received_at": hour,
            "state": "'held'",
            "proposal": number,
            "run": "5000 + i",
        },
        f"{stage} = 5",
    )
    w.put(
        Lease,
        span,
        {
            "key": f"'run-migrate:' || {number} || ':' || {run}",
            "holder": "'flow run'",
            "acquired_at": hour,
            "expires_at": future,
        },
        "i % 20 = 4",
    )
    w.put(
        Change,
        rows(span, 2),
        {
            "seq": f"{base} + i",
            "at": now,
            "subject": "'run'",
            "subject_id": f"{base} + {owner(2)}",
            "proposal": str(LIVING),
            "run": owner(2),
            "event": pick(turn(2), "'open'", "'close'"),
            "actor": "'spb-daq'",
            "policy": "'run-1'",
            "previous": w.hexed("i - 1", 64),
            "hash": w.hexed("i", 64),
        },
    )
