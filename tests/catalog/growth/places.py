"""Which proposal a settled run belongs to: one has many runs, the others the mean."""

LONG = 700_000
"""Number of the one proposal with many runs."""

LONG_RUNS = 2_000
RUNS_EACH = 233
"""Runs of every other proposal, the facility's mean."""

MIGRATED = "(i % 10 < 7)"
"""Seven runs of ten are migrated, the others were not interesting."""


def proposal_of(i: str) -> str:
    """Row id of the proposal of the i-th run; the long one has id 1."""
    return (
        f"(CASE WHEN {i} <= {LONG_RUNS} THEN 1 ELSE 2 + ({i} - {LONG_RUNS + 1}) / {RUNS_EACH} END)"
    )


def run_number_of(i: str) -> str:
    """Number of the i-th run within its proposal."""
    inside = f"1 + ({i} - {LONG_RUNS + 1}) % {RUNS_EACH}"
    return f"(CASE WHEN {i} <= {LONG_RUNS} THEN {i} ELSE {inside} END)"


def number_of(i: str) -> str:
    """Proposal number of the i-th run."""
    return f"({LONG - 1} + {proposal_of(i)})"


def proposals(runs: int) -> int:
    """Proposals of a history of so many runs."""
    return 1 if runs <= LONG_RUNS else 2 + (runs - LONG_RUNS - 1) // RUNS_EACH
