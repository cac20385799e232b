"""The documentation hangs together: links resolve, every page can be reached."""

import re
from pathlib import Path

import pytest

from tests.layout.tree import ROOT, texts

SENTENCE = (
    "policies decide · catalog remembers · tasks act · flows sequence · api answers · "
    "deployments place and time · settings tell."
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
PAGES = [name for name, _ in texts() if name.endswith(".md")]


def prose(page):
    """A page without its code, where brackets mean something else."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page):
    """Names that headings of a page can be linked by, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.S | re.M)
    heads = re.findall(r"^#+ +(.+?) *$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def links(page):
    """Pairs of a target below the root and an anchor that a page points to."""
    for target in LINK.findall(prose(page)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            file = (ROOT / page).parent / path if path else ROOT / page
            yield target, file.resolve(), anchor


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page):
    broken = [
        target
        for target, file, anchor in links(page)
        if not file.is_relative_to(ROOT)
        or not file.exists()
        or (anchor and file.suffix == ".md" and anchor not in anchors(file.relative_to(ROOT)))
    ]
    assert not broken


def test_every_page_can_be_reached_from_the_readme():
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page not in seen:
            seen.add(page)
            near = (file for _, file, _ in links(page.relative_to(ROOT)))
            todo += [file for file in near if file.suffix == ".md" and file.exists()]
    assert {str(ROOT / page) for page in PAGES} <= {str(page) for page in seen}


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md"])
def test_the_sentence_stands_at_the_top(page):
    head = (ROOT / page).read_text().split("\n## ")[0]
    assert SENTENCE in head.replace("\n> ", " ").replace("\n", " ")


def test_the_readme_names_both_commands():
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text


def test_decisions_are_numbered_and_say_why():
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert numbers
    assert len(set(numbers)) == len(numbers)
    for page in pages:
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
        text = page.read_text()
        assert re.search(r"^Status: \w", text, flags=re.M), page.name
        heads = re.findall(r"^## (.+)$", text, flags=re.M)
        assert {"Context", "Decision", "Consequences"} <= set(heads), page.name


FAULTS = (ROOT / "docs/explanations/faults.md").read_text()
SHOWN = sorted(set(re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", FAULTS)))


def test_the_page_of_faults_names_tests():
    rows = [
        line for line in FAULTS.splitlines() if line.startswith("| ") and "what goes" not in line
    ]
    assert rows
    assert all(".py" in row.rpartition("|")[0].rpartition("|")[2] for row in rows)


@pytest.mark.parametrize(("file", "name"), SHOWN)
def test_what_shows_a_fault_exists(file, name):
    text = (ROOT / "tests" / file).read_text()
    assert f"def {name}(" in text if name else "def test_" in text or "TestCase" in text
