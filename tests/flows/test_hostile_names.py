"""Hostile names from the webhook to the second copy: nothing outside, nothing lost, all of it said.

Labels never become paths, claims that are no plain names are refused and kept, and what lies
in a run folder under a name that cannot be a run file's is named in a finding.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployments.cli import app
from flows.run_assess import run_assess
from flows.run_closed import run_closed
from policies.vocabulary import InboxState, RunState
from tests.deployments.gateway.site import Site as Gateway
from tests.flows.conftest import forget_settings
from tests.flows.site import DCACHE, NUMBER, OFFLINE, contents
from tests.flows.test_migrate import migrate
from tests.flows.test_portal_sync import kept

GOOD = "RAW-R0001-DA01-S00000.h5"
LONG = f"RAW-R0001-{'A' * 215}-S00000.h5"
"""Fits into a file system and not into a copy's working names."""

LABELS = {
    "sample": "../../../../etc/cron.d/x; rm -rf / #$(reboot)`id`",
    "run_type": "<script>alert(1)</script>/../..",
    "description": "{{7*7}} %s %n '; DROP TABLE runs; --",
}

ON_DISK = {
    b"new\nline.h5": "new\\nline.h5",
    b"-rf": "-rf",
    b"not\xffutf8.h5": "not\\udcffutf8.h5",
    b"\n" * 200: "\\n" * 200,
    b"RAW-R0001-DA02-S00000.h5\n": "RAW-R0001-DA02-S00000.h5\\n",
    b"RAW-R0001-DA03-S00000.h5 ": "RAW-R0001-DA03-S00000.h5 ",
    "RAW-R0001-DA\u0660\u0664-S00000.h5".encode(): "RAW-R0001-DA\u0660\u0664-S00000.h5",
    b".RAW-R0001-DA01-S00000.h5.part-7": ".RAW-R0001-DA01-S00000.h5.part-7",
    b".copy-lock": ".copy-lock",
    b"$(reboot).h5": "$(reboot).h5",
    b"..\\..\\x.h5": "..\\..\\x.h5",
    b"\x1b[2J.h5": "\\x1b[2J.h5",
    LONG.encode(): LONG,
    b"calibration.yaml": "calibration.yaml",
}
"""Names as the file system has them, and as people read them in a finding."""


@pytest.fixture
def gate(ready, tmp_path) -> Iterator[Gateway]:
    """The real gateway on the site's catalog."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    url = ready.database.engine.url.render_as_string(hide_password=False)
    made = Gateway(url, folder)
    try:
        made.start()
        yield made
    finally:
        made.close()


def everything_in(folder: Path) -> dict[bytes, tuple[int, int, int]]:
    """Every name below a folder with mode, size and time: a change outside shows here."""
    found = {}
    for at, folders, files in os.walk(os.fsencode(folder)):
        for name in folders + files:
            seen = os.lstat(os.path.join(at, name))
            found[os.path.join(at, name)] = (seen.st_mode, seen.st_size, seen.st_mtime_ns)
    return found


def closing(written, **more):
    files = [
        {"filename": f.filename, "size": f.size_bytes, "checksum": f.checksum}
        for f in written.files
    ]
    recipe = written.recipe
    end = {"end_at": recipe.end_at.isoformat(), "last_train": recipe.last_train}
    return {"proposal": NUMBER, "run": 1, "files": files, **end, **more}


def test_hostile_names_from_the_webhook_to_the_second_copy(ready, gate, put, tmp_path):
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "data").write_text("precious")
    passwd = Path("/etc/passwd").read_bytes()

    # labels are taken as they are, and stay labels
    written = ready.write(1)
    folder = written.folder
    told = gate.post("run-updated", {"proposal": NUMBER, "run": 1, **LABELS}, "labels")
    assert told.json()["state"] == "applied", told.text
    assert ready.run(1).sample == LABELS["sample"]
    for field, value in {"sample": "a\nb", "run_type": "a\u202eb", "description": "a\x1bb"}.items():
        body = {"proposal": NUMBER, "run": 1, field: value}
        refused = gate.post("run-updated", body, f"control-{field}")
        assert (refused.status_code, set(refused.json()["fields"])) == (422, {field})
    nul = gate.post("run-updated", {"proposal": NUMBER, "run": 1, "sample": "a\0b"}, "nul")
    assert (nul.status_code, set(nul.json()["fields"])) == (422, {"body"})

    # claims of files outside are refused, field by field, and kept
    for number, name in enumerate(("../x.h5", "/etc/passwd", "a\nb.h5", "..", "")):
        claimed = [{"filename": GOOD}, {"filename": name}]
        refused = gate.post("run-closed", closing(written, files=claimed), f"claim-{number}")
        assert refused.json()["fields"] == {"files[1].filename": "must be a plain file name"}
    for number, path in enumerate(("../r0002/", "/etc/", "a/../../b", "a\nb/")):
        claimed = [{"filename": GOOD, "relative_path": path}]
        refused = gate.post("run-closed", closing(written, files=claimed), f"path-{number}")
        assert set(refused.json()["fields"]) == {"files[0].relative_path"}
    refusals = kept(ready)
    assert len(refusals) == 4 + 5 + 4
    assert ready.run_state(1) is RunState.OPEN

    # a person corrects one of them: the message as it came stays on record
    claims = [*closing(written)["files"], {"filename": "..\\..\\x.h5"}, {"filename": "gone $(x)"}]
    claims += [{"filename": "calibration.yaml"}]
    (inbox_id,) = [i for i, r in refusals.items() if r["event_id"] == "claim-0"]
    forget_settings()
    arguments = ["inbox", "reinject", str(inbox_id), "-o", "boss", "-r", "the DAQ was told"]
    done = CliRunner().invoke(app, [*arguments, "--set", f"files={json.dumps(claims)}"])
    forget_settings()
    assert done.exit_code == 0, done.output
    assert ready.run_state(1) is RunState.CLOSED
    assert inbox_id in kept(ready, InboxState.APPLIED)

    # what lies beside the data
    for name in ON_DISK:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    (folder / "away").symlink_to(outside)
    (folder / "up.h5").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.h5")
    before, source = everything_in(tmp_path), everything_in(folder)
    seen = put(run_closed, proposal=NUMBER, run=1)
    assert seen.name == "Completed", seen.message
    findings = {f.file: f for f in ready.findings_of(1) if f.check_name == "foreign"}
    assert findings.keys() == {*ON_DISK.values(), "away", "up.h5", "pipe.h5"}
    assert "written by the DAQ" in findings["calibration.yaml"].message
    assert all(text.isprintable() for f in findings.values() for text in (f.file, f.message))
    assert ready.findings(1)["files-claimed"] is False
    assert ready.run(1).num_files == 1
    assert put(run_closed, proposal=NUMBER, run=1).message.endswith("0 new findings, 0 resolved")

    # and what becomes of it
    assessed = put(run_assess, proposal=NUMBER, run=1, assessment="Good", operator="alice")
    assert assessed.name == "Completed", assessed.message
    assert migrate(put).name == "Completed"
    copied = {GOOD: (folder / GOOD).read_bytes()}
    for store in (OFFLINE, DCACHE):
        assert contents(ready.copy(store, 1)) == copied
    assert everything_in(folder) == source
    new = everything_in(tmp_path).keys() - before.keys()
    homes = [os.fsencode(ready.copy(OFFLINE, 1)), os.fsencode(ready.copy(DCACHE, 1))]
    homes += [os.fsencode(ready.link(1))]
    strangers = [name for name in new if not name.startswith(tuple(homes))]
    assert [n for n in strangers if not re.search(rb"/(catalog\.db|gateway)[^/]*", n)] == []
    assert (outside / "data").read_text() == "precious"
    assert Path("/etc/passwd").read_bytes() == passwd
    assert ready.sound()
