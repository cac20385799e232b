"""A link opens its own report and nothing else."""

import pytest

from policies.errors import Missing
from policies.links import checked, link, token

SECRET = b"of this installation"
PATH = "/gpfs/exfel/u/usr/FXE/202530/p900491/Reports/r0487/FXE_XAD_JF1M_correct.pdf"


def test_a_link_carries_the_path_and_its_token():
    address = link("http://127.0.0.1:27000", SECRET, PATH)
    base, given = address.removesuffix(PATH).rsplit("/", 1)
    assert base == "http://127.0.0.1:27000/reports"
    assert checked(SECRET, given, PATH) == PATH


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (token(SECRET, PATH), PATH.replace("r0487", "r0488")),
        (token(b"another", PATH), PATH),
        ("", PATH),
        ("f" * 32, PATH),
        ("ü" * 32, PATH),
    ],
)
def test_another_path_or_token_is_nowhere(given, path):
    with pytest.raises(Missing, match="there is no such report"):
        checked(SECRET, given, path)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/gpfs/exfel/d/raw/FXE/202530/p900491/r0001/RAW-R0001-DA01-S00000.h5",
        "/gpfs/exfel/u/usr/FXE/202530/p900491/Reports/r0487/../../../secret.pdf",
        "/gpfs/exfel/u/usr/FXE/202530/p900491/Shared/r0487/notes.pdf",
        "relative/Reports/r0001/x.pdf",
    ],
)
def test_what_is_no_report_is_nowhere_though_its_token_is_right(path):
    with pytest.raises(Missing, match="there is no such report"):
        checked(SECRET, token(SECRET, path), path)
