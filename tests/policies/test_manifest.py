"""Manifests: what they are named by, and what they may not hold."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import Invalid
from policies.manifest import (
    NAME_BYTES_MAX,
    ManifestEntry,
    check_manifest,
    manifest_hash,
    path_fault,
)

GOOD = ManifestEntry("RAW-R0042-DA01-S00000.h5", 123, "0123456789abcdef" * 2, "09abcdef")

hexes = st.text("0123456789abcdef", min_size=32, max_size=32)
entries = st.builds(
    ManifestEntry,
    st.text(max_size=30),
    st.integers(0, 1 << 60),
    hexes,
    st.text("0123456789abcdef", min_size=8, max_size=8),
)


def test_the_hash_is_what_another_program_would_take():
    other = replace(GOOD, relative_path="a/ß", size_bytes=0)
    lines = (
        b"RAW-R0042-DA01-S00000.h5\x00123\x000123456789abcdef0123456789abcdef\n"
        b"a/\xc3\x9f\x000\x000123456789abcdef0123456789abcdef\n"
    )
    assert manifest_hash([other, GOOD]) == hashlib.sha256(lines).hexdigest()
    assert manifest_hash([]) == hashlib.sha256(b"").hexdigest()


@given(st.lists(entries, max_size=6), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(rows, dice):
    shuffled = list(rows)
    dice.shuffle(shuffled)
    assert manifest_hash(shuffled) == manifest_hash(rows)


@given(st.lists(entries, min_size=1, max_size=4))
def test_path_size_and_digest_each_change_it(rows):
    first, *rest = rows
    before = manifest_hash(rows)
    for change in (
        {"relative_path": first.relative_path + "x"},
        {"size_bytes": first.size_bytes + 1},
        {"xxh3_128": ("0" if first.xxh3_128[0] != "0" else "1") + first.xxh3_128[1:]},
    ):
        assert manifest_hash([replace(first, **change), *rest]) != before
    assert manifest_hash(rest) != before


PATHS = [
    "f",
    "a/b/c",
    "-rf",
    "a b",
    "..a",
    "...",
    "a..",
    ".hidden",
    ".part-1",
    "x.part-1",
    "copy-1",
    "Probe ß 結晶",
    "n" * NAME_BYTES_MAX,
    "/".join(["n" * NAME_BYTES_MAX] * 30),
    "back\\slash",
]


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_honest_paths_are_taken(path):
    assert path_fault(path) == ""
    check_manifest([replace(GOOD, relative_path=path)])


FAULTS = {
    "": "has the part ''",
    "/": "is absolute",
    "/etc/passwd": "is absolute",
    "//f": "is absolute",
    ".": "has the part '.'",
    "..": "has the part '..'",
    "a/../b": "has the part '..'",
    "a/./b": "has the part '.'",
    "a//b": "has the part ''",
    "a/": "has the part ''",
    "../../a": "has the part '..'",
    "n" * (NAME_BYTES_MAX + 1): "has a name longer than 200 bytes",
    "ß" * (NAME_BYTES_MAX // 2 + 1): "has a name longer than 200 bytes",
    "a/" + "n" * 201 + "/b": "has a name longer than 200 bytes",
    ".copy-0123.lock": "has a name kept for unfinished copies",
    "a/.copy-": "has a name kept for unfinished copies",
    ".quarantine-f-0": "has a name kept for unfinished copies",
    ".f.part-0-0": "has a name kept for unfinished copies",
    ".a.part-b/c": "has a name kept for unfinished copies",
    **dict.fromkeys(
        ["a\nb", "a\0", "\t", "\x7f", "a\x1b[2J", "\udc80", "\u202eh5", "\u00a0", "a\u2028b"],
        "holds a character that does not print (newline, NUL, lone surrogate)",
    ),
}


@pytest.mark.parametrize(("path", "why"), FAULTS.items(), ids=range(len(FAULTS)))
def test_paths_that_leave_the_folder_or_deceive_are_refused(path, why):
    assert path_fault(path) == why
    with pytest.raises(Invalid) as refused:
        check_manifest([GOOD, replace(GOOD, relative_path=path)])
    assert refused.value.context["fields"] == {"entries[1].relative_path": f"{path!r} {why}"}
    assert refused.value.message.isprintable()


@given(st.text(st.sampled_from("./\\ ab\0\n") | st.characters(), max_size=20))
def test_no_path_that_is_taken_leaves_its_folder(path):
    if not path_fault(path):
        parts = path.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert "\0" not in path
        assert "\n" not in path
        assert all(len(part.encode()) <= NAME_BYTES_MAX for part in parts)


def fields_of(rows):
    with pytest.raises(Invalid) as refused:
        check_manifest(rows)
    return refused.value.context["fields"]


def test_an_empty_manifest_proves_nothing():
    assert fields_of([]) == {"entries": "is empty"}


def test_a_path_given_twice_or_used_as_a_folder_is_refused():
    a, b = replace(GOOD, relative_path="a"), replace(GOOD, relative_path="a/b/c")
    assert fields_of([a, a]) == {"entries[1].relative_path": "'a' is given twice"}
    for rows, number in (([a, b], 0), ([b, a], 1)):
        name = f"entries[{number}].relative_path"
        assert fields_of(rows) == {name: "'a' is a file and a folder"}
    middle = replace(GOOD, relative_path="a/b")
    assert fields_of([b, middle]) == {"entries[1].relative_path": "'a/b' is a file and a folder"}
    check_manifest([replace(GOOD, relative_path=p) for p in ("a", "ab/c", "b/a", "a.b")])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size_bytes", -1),
        ("xxh3_128", ""),
        ("xxh3_128", "0" * 31),
        ("xxh3_128", "0" * 33),
        ("xxh3_128", "A" * 32),
        ("xxh3_128", "0" * 32 + "\n"),
        ("adler32", "0" * 7),
        ("adler32", "0" * 9),
        ("adler32", "0000000G"),
        ("adler32", "0" * 8 + "\n"),
    ],
)
def test_numbers_of_the_wrong_form_are_refused(field, value):
    rows = [GOOD, replace(GOOD, relative_path="other", **{field: value})]
    assert list(fields_of(rows)) == [f"entries[1].{field}"]


def test_all_faults_are_named_and_the_sentence_names_three():
    rows = [ManifestEntry("../x", -1, "", "")] * 2
    with pytest.raises(Invalid) as refused:
        check_manifest(rows)
    assert len(refused.value.context["fields"]) == 8
    assert refused.value.message == (
        "the manifest cannot be used: entries[0].relative_path '../x' has the part '..', "
        "entries[0].size_bytes -1 is negative, "
        "entries[0].xxh3_128 is not 32 lower-case hex digits"
    )
