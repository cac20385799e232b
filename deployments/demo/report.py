"""The demo's report: what was played, what was seen, how long it took; for people and programs."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from catalog.engine import Database
from catalog.queries.journal import history, verify
from catalog.queries.runs import findings_of, run_table
from catalog.views import HistoryRow, RunView
from deployments.demo.console import Stage
from policies.vocabulary import RunState

ZONE = ZoneInfo("Europe/Berlin")


def write(folder: Path, stage: Stage, database: Database, numbers: list[int]) -> Path:
    """Write `report.md` and `report.json`.

    Args:
        folder: Where to.
        stage: What was played.
        database: The catalog.
        numbers: Proposals to show.

    Returns:
        Path of the page.
    """
    with database.read() as session:
        tables = {n: run_table(session, n) for n in numbers}
        past = {n: history(session, n) for n in numbers}
        found = {
            n: [
                (run.run, f.check_name, str(f.severity), f.file, f.message, f.resolved_at)
                for run in tables[n]
                for f in findings_of(session, n, run.run)
            ]
            for n in numbers
        }
        verdict = verify(session)
    content = {
        "written_at": datetime.now(UTC).isoformat(),
        "scenes": [asdict(scene) for scene in stage.scenes],
        "values": stage.values,
        "runs": {n: [_plain(run) for run in rows] for n, rows in tables.items()},
        "history": {n: [_plain(row) for row in rows] for n, rows in past.items()},
        "journal": asdict(verdict),
    }
    (folder / "report.json").write_text(
        json.dumps(content, indent=1, default=str, ensure_ascii=False), encoding="utf-8"
    )
    parts = ["# A beamtime from end to end\n", _scenes(stage)]
    for number in numbers:
        parts += [
            f"\n## Proposal {number}: runs\n\n{_runs(tables[number])}",
            f"\n### Findings\n\n{_findings(found[number])}",
            f"\n### History\n\n{_history(past[number])}",
        ]
    parts.append(f"\n## Journal\n\n{verdict.rows} rows, head `{verdict.head}`: the chain holds.\n")
    parts += [f"\n## {title}\n\n```\n{text}\n```\n" for title, text in _pictures(stage)]
    parts += [
        f"\n## Report of the {what}: [PDF]({what}.pdf)\n\n![{what}]({what}.png)\n"
        for what in stage.values.get("pictures", [])
    ]
    page = folder / "report.md"
    page.write_text("\n".join(parts), encoding="utf-8")
    return page


def _plain(view: RunView | HistoryRow) -> dict[str, Any]:
    return asdict(view)


def _scenes(stage: Stage) -> str:
    lines = ["| act | seconds | what was seen |", "|---|---:|---|"]
    for scene in stage.scenes:
        facts = "<br>".join(fact.replace("|", "\\|") for fact in scene.facts)
        lines.append(f"| {scene.title} | {scene.seconds:.1f} | {facts} |")
    return "\n".join(lines) + "\n"


def _local(moment: datetime | None) -> str:
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _runs(rows: list[RunView]) -> str:
    lines = [
        "| number | type | sample | start | status | assessment | migrated at | files | bytes |",
        "|---|---|---|---|---|---|---|---:|---:|",
    ]
    for run in rows:
        migrated = _local(run.migration_end_at) if run.state is RunState.MIGRATED else ""
        lines.append(
            f"| {run.run} | {run.run_type} | {run.sample} | {_local(run.begin_at)} | {run.state}"
            f" | {run.assessment} | {migrated} | {run.num_files} | {run.size_bytes or 0:,} |"
        )
    return "\n".join(lines) + "\n"


def _findings(rows: list[tuple[Any, ...]]) -> str:
    if not rows:
        return "None.\n"
    lines = ["| run | check | weight | file | what | |", "|---|---|---|---|---|---|"]
    for run, check, weight, file, what, resolved in rows:
        end = "resolved" if resolved else "open"
        lines.append(f"| r{run:04d} | {check} | {weight} | {file} | {what} | {end} |")
    return "\n".join(lines) + "\n"


def _history(rows: list[HistoryRow]) -> str:
    lines = ["| when | what | old ⇒ new | who | why |", "|---|---|---|---|---|"]
    for row in rows:
        what = (
            f"r{row.run:04d} {row.event}" if row.run is not None else f"{row.subject} {row.event}"
        )
        change = f"{row.source or '---'} ⇒ {row.target}"[:120]
        why = row.reason.replace("|", "\\|")[:160]
        lines.append(f"| {_local(row.at)} | {what} | {change} | {row.actor} | {why} |")
    return "\n".join(lines) + "\n"


def _pictures(stage: Stage) -> list[tuple[str, str]]:
    return [(k, v) for k, v in stage.values.items() if isinstance(v, str) and "\n" in v]
