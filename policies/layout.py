"""Names and paths: the only place that makes them."""


def proposal_folder(number: int) -> str:
    """`p900054`."""
    return f"p{number:06d}"


def run_folder(number: int) -> str:
    """`r0082`; grows beyond four digits by itself."""
    return f"r{number:04d}"


def experiment_folder(number: int) -> str:
    """`e0001`."""
    return f"e{number:04d}"


def run_label(proposal: int, run: int) -> str:
    """`p900054 r0082`."""
    return f"{proposal_folder(proposal)} {run_folder(run)}"


def data_group_name(experiment: int, count: int) -> str:
    """`raw_e0001_n0489`."""
    return f"raw_e{experiment:04d}_n{count:04d}"
