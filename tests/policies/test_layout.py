"""Names and paths, and everything that must not become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import layout
from policies.errors import Invalid
from policies.layout import Mounts

ROOT = "/gpfs/exfel/exp/MID/202401/p900054"
HOSTILE = [
    "",
    ".",
    "..",
    "../MID",
    "MID/..",
    "SPB/SFX",
    "MID\n",
    "\nMID",
    "MID\0",
    "MI D",
    "mid",
    "MIÐ",
    "-rf",
    "M",
    "TOOLONGID",
    "MID\x1b[31m",
    "$(id)",
]


def test_names_have_the_facility_s_forms():
    assert layout.proposal_folder(54) == "p000054"
    assert layout.proposal_folder(900054) == "p900054"
    assert [layout.run_folder(n) for n in (1, 82, 9999, 10000)] == [
        "r0001",
        "r0082",
        "r9999",
        "r10000",
    ]
    assert layout.experiment_folder(3) == "e0003"
    assert layout.run_label(900054, 82) == "p900054 r0082"
    assert layout.data_group_name(1, 489) == "raw_e0001_n0489"
    assert layout.proposal_doi(2012) == "10.22003/XFEL.EU-DATA-002012-00"
    assert layout.proposal_doi(2012, 1) == "10.22003/XFEL.EU-DATA-002012-01"
    assert layout.group_names(2012) == ("002012-part", "002012-dmgt")


def test_places_are_those_of_the_facility():
    where = ("MID", "202401", 900054)
    tail = "MID/202401/p900054"
    assert layout.proposal_root(*where) == ROOT
    assert {k: layout.real_folder(k, *where) for k in layout.KINDS} == {
        "raw": f"/gpfs/exfel/d/raw/{tail}",
        "proc": f"/gpfs/exfel/d/proc/{tail}",
        "red": f"/gpfs/exfel/d/red/{tail}",
        "open": f"/gpfs/exfel/d/open/{tail}",
        "usr": f"/gpfs/exfel/u/usr/{tail}",
        "scratch": f"/gpfs/exfel/u/scratch/{tail}",
    }
    store = layout.archive_folder(*where)
    assert store == f"/pnfs/desy.de/exfel/archive/XFEL/raw/{tail}"
    assert layout.link_spelling(store) == f"/pnfs/xfel.eu/exfel/archive/XFEL/raw/{tail}"
    assert layout.link_spelling(ROOT) == ROOT
    other = Mounts("/data/hall", "/data/disk", "/data/home", "/data/dcache", "/data/dcache")
    assert layout.proposal_root("LAMP1", "202501", 7, other) == "/data/hall/LAMP1/202501/p000007"
    with pytest.raises(Invalid) as caught:
        layout.real_folder("xml", *where)
    assert "raw, proc, usr, scratch, red, open" in caught.value.context["fields"]["kind"]


@pytest.mark.parametrize(
    ("stored", "universal"),
    [
        (f"{ROOT}/raw", ROOT),
        (f"{ROOT}/raw/", ROOT),
        ("/gpfs/exfel/d/raw/HSLAB/201730/p900000", "/gpfs/exfel/exp/HSLAB/201730/p900000"),
        ("/gpfs/exfel/exp/XMPL/202550/p700005", "/gpfs/exfel/exp/XMPL/202550/p700005"),
    ],
)
def test_the_three_stored_forms_become_one(stored, universal):
    assert layout.normalise_proposal_path(stored) == universal
    assert layout.normalise_proposal_path(universal) == universal


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "raw",
        "/",
        "/gpfs/exfel/exp/MID/202401",
        "/gpfs/exfel/exp/MID/202401/p900054/proc",
        "/gpfs/exfel/exp/MID/202401/p900054/raw/raw",
        "/gpfs/exfel/exp/MID/202401/p900054/../p900055/raw",
        "/gpfs/exfel/exp/../MID/202401/p900054",
        "/gpfs/exfel/exp/MID/202401/p9000540",
        "/gpfs/exfel/exp/MID/202401/p٩٠٠٠٥٤",
        "/gpfs/exfel/exp//MID/202401/p900054",
        "/gpfs/exfel/d/raw/MID/202401/p900054/raw",
        "/gpfs/exfel/d/proc/MID/202401/p900054",
        "/etc/gpfs/exfel/d/raw/MID/202401/p900054",
        "/gpfs/exfel/exp/MID/202401/p900054/raw\n",
        "/gpfs/exfel/exp/SPB/SFX/202401/p900054",
    ],
)
def test_any_other_stored_form_is_refused(stored):
    with pytest.raises(Invalid):
        layout.normalise_proposal_path(stored)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_identifier_never_becomes_a_folder(text):
    with pytest.raises(Invalid) as caught:
        layout.proposal_root(text, "202401", 900054)
    assert set(caught.value.context["fields"]) == {"instrument"}
    assert caught.value.message.isprintable()
    with pytest.raises(Invalid) as caught:
        layout.proposal_root("MID", text, 900054)
    assert set(caught.value.context["fields"]) == {"cycle"}


def test_a_display_name_is_refused_in_words():
    with pytest.raises(Invalid, match=r"'SPB/SFX'.*the identifier, not the name"):
        layout.instrument_segment("SPB/SFX")
    with pytest.raises(Invalid):
        layout.cycle_segment("２０２４０１")


@pytest.mark.parametrize("number", [0, -1, 1_000_000, True, 1.0, "900054", None])
def test_what_is_no_proposal_number_is_refused(number):
    for make in (layout.proposal_folder, layout.proposal_doi, layout.group_names):
        with pytest.raises(Invalid) as caught:
            make(number)
        assert set(caught.value.context["fields"]) == {"proposal"}


@pytest.mark.parametrize("number", [-1, 10**9, False, "1"])
def test_what_is_no_counter_is_refused(number):
    for make in (layout.run_folder, layout.experiment_folder):
        with pytest.raises(Invalid):
            make(number)
    with pytest.raises(Invalid):
        layout.data_group_name(1, number)


def test_artifact_keys_are_what_the_engine_takes():
    assert layout.artifact_key("p900054 r0082", "Files & Sizes!") == "p900054-r0082-files-sizes"
    with pytest.raises(Invalid):
        layout.artifact_key("—", "…")


@given(st.lists(st.text(max_size=20), max_size=3))
def test_an_artifact_key_is_clean_whatever_it_is_made_of(words):
    try:
        key = layout.artifact_key(*words)
    except Invalid:
        return
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert key.strip("-") == key
    assert "--" not in key


def test_a_tree_is_rooted_under_a_folder():
    assert layout.place("/", ROOT) == ROOT
    assert layout.place("", ROOT) == ROOT
    assert layout.place("/srv/demo/", ROOT) == f"/srv/demo{ROOT}"


@pytest.mark.parametrize("root", ["var/demo", "/a/../b", "/a/./b", "/a//b", "/a\n", "\0"])
def test_a_root_is_absolute_and_plain(root):
    with pytest.raises(Invalid) as caught:
        layout.place(root, ROOT)
    assert set(caught.value.context["fields"]) == {"root"}


@given(st.text(alphabet="/.a~ \n\0é-_", max_size=12))
def test_no_path_leaves_its_root(path):
    try:
        placed = layout.place("/srv", path)
    except Invalid:
        return
    names = placed.split("/")
    assert placed.startswith("/srv/")
    assert not {"", ".", "..", "~"} & set(names[1:])
    assert placed.isascii()
    assert placed.isprintable()
    assert " " not in placed


def test_the_trees_of_a_facility_are_plain():
    with pytest.raises(Invalid) as caught:
        Mounts(disk="/gpfs/../etc")
    assert set(caught.value.context["fields"]) == {"disk"}
