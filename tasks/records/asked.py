"""Work that a person asks for: checked against the table of permissions, then a row."""

from catalog.commands.journal import ask, record
from catalog.queries.find import proposal_row, run_row
from policies import permissions
from policies.vocabulary import Subject, Work
from tasks.records.base import actor, database, now


def ask_run(work: Work, number: int, run_number: int, operator: str) -> str:
    """Ask for work on a run; the same person asks once a second.

    Returns:
        Key of the asking.

    Raises:
        Missing: No such proposal, run or account.
        Forbidden: Not the operator's to ask.
    """
    return _ask(work, number, run_number, operator)


def ask_proposal(work: Work, number: int, operator: str) -> str:
    """Ask for work on a proposal.

    Returns:
        Key of the asking.

    Raises:
        Missing: No such proposal or account.
        Forbidden: Not the operator's to ask.
    """
    return _ask(work, number, None, operator)


def _ask(work: Work, number: int, run_number: int | None, operator: str) -> str:
    moment = now()
    with database().write() as session:
        who = actor(session, operator, number)
        permissions.demand("work:restart", who.roles)
        subject_id = proposal_row(session, number).id or 0
        if run_number is not None:
            subject_id = run_row(session, number, run_number)[1].id or 0
        parameters = {"proposal": number} | ({} if run_number is None else {"run": run_number})
        key = f"{work}:{number}:{run_number}:{operator}:{moment:%Y%m%dT%H%M%S}"
        row = ask(
            session,
            work,
            key=key,
            now=moment,
            parameters=parameters,
            proposal=number,
            run=run_number,
        )
        record(
            session,
            subject=Subject.WORK,
            subject_id=subject_id,
            proposal=number,
            run=run_number,
            event=f"ask:{work}",
            actor=who,
            now=moment,
            policy=permissions.VERSION,
            target=row.key,
        )
        return row.key
