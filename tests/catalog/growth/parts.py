"""Rows that a run has whether it is settled or not."""

from catalog.tables import DataGroup, Experiment, Proposal, RunDataGroup, Sample
from tests.catalog.growth.writer import Writer, owner, rows, turn


def add_proposals(
    w: Writer, span: tuple[int, int], base: int, number: int, state: str, place: str
) -> None:
    instruments = f"FROM instruments WHERE id >= {place}"
    folder = f"'p' || {w.padded(f'{number - 1} + i', 6)}"
    w.put(
        Proposal,
        span,
        {
            "id": f"{base} + i",
            "number": f"{number - 1} + i",
            "title": "'Time-resolved crystallography of an invented protein'",
            "proposal_folder": folder,
            "def_proposal_path": f"'/gpfs/exfel/exp/SPB/202601/' || {folder} || '/raw'",
            "instrument_id": f"(SELECT min(id) {instruments})",
            "instrument_cycle_id": "(SELECT min(id) FROM instrument_cycles)",
            "flg_beamtime_status": state,
        },
    )
    kind, sample = rows(span, 3), rows(span, 5)
    w.put(
        Experiment,
        kind,
        {
            "id": f"{3 * base} + i",
            "name": f"'Kind ' || {turn(3)}",
            "experiment_number": f"{turn(3)} + 1",
            "experiment_folder": f"'e' || {w.padded(f'{turn(3)} + 1', 4)}",
            "experiment_type_id": "(SELECT min(id) FROM experiment_types)",
            "proposal_id": f"{base} + {owner(3)}",
        },
    )
    w.put(
        Sample,
        sample,
        {
            "id": f"{5 * base} + i",
            "name": f"'Sample ' || {turn(5)}",
            "sample_type_id": "(SELECT min(id) FROM sample_types)",
            "proposal_id": f"{base} + {owner(5)}",
        },
    )


def run_columns(w: Writer, row: str, proposal: str, number: str, files: int) -> dict[str, str]:
    return {
        "id": row,
        "proposal_id": proposal,
        "run_number": number,
        "run_folder": f"'r' || {w.padded(number, 4)}",
        "experiment_id": f"3 * ({proposal}) - i % 3",
        "sample_id": f"5 * ({proposal}) - i % 5",
        "first_train": "1000000000 + i * 6000",
        "last_train": "1000000000 + i * 6000 + 3000",
        "flg_status": "2",
        "size": str(files * 1_500_000_000),
        "num_files": str(files),
        "manifest_hash": w.hexed("i", 64),
    }


def add_groups(w: Writer, span: tuple[int, int], base: int, proposal: str) -> None:
    w.put(
        DataGroup,
        span,
        {
            "id": f"{base} + i",
            "name": f"'0001.' || {w.padded('i', 7)}",
            "data_group_type_id": "1",
            "proposal_id": proposal,
            "experiment_id": f"3 * ({proposal}) - i % 3",
            "prefix_path": f"'/gpfs/exfel/exp/SPB/202601/p900000/raw/r' || {w.padded('i', 7)}",
            "manifest_hash": w.hexed("i", 64),
        },
    )
    columns = dict.fromkeys(("id", "run_id", "data_group_id"), f"{base} + i")
    w.put(RunDataGroup, span, columns)


def copy_columns(
    row: str, group: str, number: int, state: str, at: str, files: int
) -> dict[str, str]:
    """A copy; its repository is the online, offline or dCache one."""
    tier = ("online", "offline", "dcache")[number]
    return {
        "id": row,
        "data_group_id": group,
        "repository_id": f"(SELECT min(id) FROM repositories WHERE tier = '{tier}')",
        "state": state,
        "state_since": at,
        "verified_at": at,
        "num_files": str(files),
        "byte_size": str(files * 1_500_000_000),
        "path": "'/gpfs/exfel/d/raw/SPB/202601/p900000/r0001'",
    }
