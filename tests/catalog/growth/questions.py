"""What people and sweeps ask of a catalog again and again."""

from collections.abc import Callable
from datetime import timedelta

from sqlmodel import Session

from catalog.commands import outbox
from catalog.queries import facts, journal, lost, runs, sweeps
from catalog.queries.closing import closing
from catalog.queries.find import run_row
from catalog.queries.traffic import traffic, waiting_for
from policies.along import WORKS
from policies.vocabulary import InboxState, OutboxKind, RunQuality, RunState
from tests.catalog.growth.living import LIVING
from tests.catalog.growth.places import LONG, LONG_RUNS
from tests.catalog.growth.writer import NOW

Question = Callable[[Session], object]

MIDDLE = LONG_RUNS // 2

PAGES: dict[str, Question] = {
    "first page of a usual proposal": lambda s: runs.run_table(s, LONG + 1),
    "first page of the long proposal": lambda s: runs.run_table(s, LONG),
    "middle page of the long proposal": lambda s: runs.run_table(s, LONG, before=MIDDLE),
    "last page of the long proposal": lambda s: runs.run_table(s, LONG, before=101),
    "long proposal, migrated only": lambda s: runs.run_table(s, LONG, states=[RunState.MIGRATED]),
    "long proposal, a state no run is in": lambda s: runs.run_table(
        s, LONG, states=[RunState.MIGRATION_FAILED]
    ),
    "long proposal, assessed Unclear": lambda s: runs.run_table(
        s, LONG, quality=RunQuality.UNCLEAR
    ),
    "first page of a running beamtime": lambda s: runs.run_table(s, LIVING),
    "one run": lambda s: runs.run_view(s, LONG, MIDDLE),
    "files of a run": lambda s: runs.files_of(s, LONG, MIDDLE),
    "findings of a run": lambda s: runs.findings_of(s, LONG, 10),
    "history of a run": lambda s: journal.history(s, LONG, MIDDLE),
    "what the DAQ said of a run": lambda s: closing(s, LONG, MIDDLE),
}
"""Answers to people, by name."""

SWEEPS: dict[str, Question] = {
    "obligations due": lambda s: sweeps.due_obligations(s, NOW),
    "runs that stand still": lambda s: sweeps.stuck_runs(s, NOW),
    "runs never inspected": lambda s: sweeps.uninspected_runs(s, NOW),
    "askings that went nowhere": lambda s: lost.unconcluded(s, NOW, timedelta(minutes=2)),
    "flows to start": lambda s: outbox.due(s, NOW, [OutboxKind.FLOW], but_not_for=WORKS),
    "work to take along": lambda s: waiting_for(s, WORKS, NOW),
    "how the work gets on": lambda s: traffic(s, "run-migrate", LIVING, NOW),
    "events to send": lambda s: outbox.due(s, NOW, [OutboxKind.EVENT], 400),
    "deliveries to make": lambda s: outbox.due(s, NOW, [OutboxKind.DELIVERY], 25, to="damnit"),
    "notices to send": lambda s: outbox.due(s, NOW, [OutboxKind.NOTICE]),
    "oldest that waits": journal.oldest_waiting,
    "outbox that waits": lambda s: journal.outbox_list(s, waiting=True),
    "messages held": lambda s: journal.inbox_list(s, InboxState.HELD),
}
"""What sweeps, relay and doctor ask every few seconds, by name."""

DECISIONS: dict[str, Question] = {
    "facts about a run": lambda s: facts.run_facts(s, run_row(s, LONG, MIDDLE)[1]),
    "facts about a beamtime": lambda s: facts.beamtime_facts(s, run_row(s, LIVING, 1)[0], NOW),
    "the end of the journal": journal.head,
}
"""What is looked up before something is decided, by name."""

QUESTIONS: dict[str, Question] = PAGES | SWEEPS | DECISIONS
