"""What settled runs leave in the ledgers."""

from catalog.tables import Change, Inbox, Lease, Obligation, Outbox
from tests.catalog.growth.places import number_of, run_number_of
from tests.catalog.growth.writer import Writer, owner, pick, rows, turn

_WORKS = ("'run-closed:'", "'run-migrate:'")


def add_ledgers(w: Writer, span: tuple[int, int]) -> None:
    """Journal, work, messages, obligations and leases, all at rest."""
    run8, run5, run3, run2 = owner(8), owner(5), owner(3), owner(2)
    w.put(
        Change,
        rows(span, 8),
        {
            "seq": "1000000 + i",
            "at": w.began(run8),
            "subject": pick(
                turn(8), "'run'", "'run'", "'files'", *["'run'"] * 2, *["'replica'"] * 2, "'run'"
            ),
            "subject_id": run8,
            "proposal": number_of(run8),
            "run": run_number_of(run8),
            "event": pick(
                turn(8),
                "'open'",
                "'close'",
                "'register-files'",
                "'assess-good'",
                "'begin-migration'",
                *["'copy'"] * 2,
                "'complete-migration'",
            ),
            "source": "'closed'",
            "target": "'migrated'",
            "actor": "'system'",
            "policy": "'run-1'",
            "previous": w.hexed("i - 1", 64),
            "hash": w.hexed("i", 64),
            "details": """'{"files": 60, "bytes": 90000000000, "note": "as it was read"}'""",
        },
    )
    w.put(
        Outbox,
        rows(span, 5),
        {
            "id": "i",
            "key": "'run-migrate:700001:17:' || i",
            "kind": pick(turn(5), "'flow'", "'flow'", "'event'", "'delivery'", "'delivery'"),
            "work": pick(
                turn(5),
                "'run-closed'",
                "'run-migrate'",
                *["'daq_run_complete'"] * 2,
                "'migration_complete'",
            ),
            "parameters": """'{"proposal": 700001, "run": 17}'""",
            "proposal": number_of(run5),
            "run": run_number_of(run5),
            "asked_at": w.began(run5, 300),
            "due_at": w.began(run5, 300),
            "sent_at": w.began(run5, 301),
            "sent_to": "'flow run'",
            "concluded_at": w.began(run5, 330),
            "outcome": "'done'",
        },
    )
    w.put(
        Inbox,
        rows(span, 3),
        {
            "id": "i",
            "sender": "'spb-daq'",
            "event_id": w.hexed("i * 7919", 32),
            "kind": pick(turn(3), "'run-opened'", "'run-updated'", "'run-closed'"),
            "body": """'{"proposal": 700001, "run": 17, "sample": "lysozyme"}'""",
            "body_sha256": w.hexed("i", 64),
            "received_at": w.began(run3),
            "state": "'applied'",
            "answer": """'{"status": 202}'""",
            "settled_at": w.began(run3),
            "proposal": number_of(run3),
            "run": run_number_of(run3),
        },
    )
    w.put(
        Obligation,
        rows(span, 2),
        {
            "id": "i",
            "key": "'stale-open-run:' || i",
            "duty": pick(turn(2), "'stale-open-run'", "'auto-quality'"),
            "proposal": number_of(run2),
            "run": run_number_of(run2),
            "due_at": w.began(run2, 86400),
            "created_at": w.began(run2),
            "settled_at": w.began(run2, 300),
            "outcome": "'closed'",
        },
    )
    w.put(
        Lease,
        rows(span, 2),
        {
            "key": f"{pick(turn(2), *_WORKS)} || {number_of(run2)} || ':' || {run_number_of(run2)}",
            "holder": "'flow run'",
            "acquired_at": w.began(run2, 300),
            "expires_at": w.began(run2, 400),
            "released_at": w.began(run2, 330),
        },
    )
