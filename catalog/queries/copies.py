"""Whether a copy of a run could be removed; the answer only, nobody removes anything here."""

from dataclasses import dataclass

from sqlmodel import Session

from catalog.queries.facts import copies, raw_group
from catalog.queries.find import run_row
from policies import veto
from policies.errors import Missing
from policies.replica import may_go, verified
from policies.vocabulary import ReplicaState, RunState


@dataclass(frozen=True)
class Removal:
    """What would become of a run without one of its copies.

    Attributes:
        repository: Where the copy is.
        state: What is known of it.
        may_go: Whether it could be removed.
        because: Why not; each sentence alone suffices.
        remaining: Repositories that would still hold a verified copy.
    """

    repository: str
    state: ReplicaState
    may_go: bool
    because: tuple[str, ...]
    remaining: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The answer for people."""
        if not self.may_go:
            return f"the copy on {self.repository} must stay: {'; '.join(self.because)}"
        left = ", ".join(self.remaining)
        return f"the copy on {self.repository} may go; verified copies remain on {left}"


def removal(session: Session, number: int, run_number: int, repository: str) -> Removal:
    """Say whether a copy of a run's raw data could go.

    Args:
        session: Any session.
        number: Proposal number.
        run_number: Run number.
        repository: Repository identifier.

    Raises:
        Missing: No such proposal, run or copy.
    """
    proposal, run = run_row(session, number, run_number)
    group = raw_group(session, run)
    on_record = copies(session, group) if group else []
    wanted = next((c for c in on_record if c.repository == repository), None)
    if group is None or wanted is None or wanted.state is ReplicaState.GONE:
        known = ", ".join(c.repository for c in on_record if c.state is not ReplicaState.GONE)
        raise Missing(
            f"run {run_number} of proposal {number} has no copy on {repository};"
            f" there are: {known or 'none'}",
            field="repository",
        )
    faults = [
        veto.against_removal(proposal.hold),
        ""
        if run.state is RunState.MIGRATED
        else f"the run is {run.state}: only copies of a migrated run can be spared",
        may_go(wanted, on_record, group.manifest_hash),
    ]
    rest = [c for c in on_record if c.repository != repository]
    because = tuple(fault for fault in faults if fault)
    return Removal(
        repository,
        wanted.state,
        not because,
        because,
        tuple(c.repository for c in verified(rest, group.manifest_hash)),
    )
