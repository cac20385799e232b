"""The page on the export says what the reader reads."""

from pathlib import Path

from policies import portal_page
from policies.portal_export import FORMAT
from policies.portal_reader import parse_export

PAGE = Path(__file__).parents[2] / "docs/reference/portal-export.md"


def test_the_page_in_the_handbook_is_fresh():
    first, _, rest = PAGE.read_text(encoding="utf-8").partition("\n\n")
    assert first.startswith("<!-- Generated")
    assert rest == portal_page.markdown()


def test_every_field_stands_on_the_page():
    page = portal_page.markdown()
    assert all(f"| `{rule.name}` |" in page for rules in FORMAT.values() for rule in rules)


def test_the_example_is_a_good_export():
    read = parse_export(portal_page.example())
    assert (len(read.people), len(read.proposals), read.refused) == (1, 1, ())
