"""Citations for reference managers: BibTeX, RIS, CSL-JSON and plain words."""

import json
import re
from typing import Any

from api.citation import citation, doi_url
from api.formats.form import Shown, one_line
from policies.public_record import Organisation, Person

_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}


def plain(shown: Shown) -> str:
    """The citation in words."""
    return one_line(citation(shown.record)) + "\n"


def bibtex(shown: Shown) -> str:
    """A BibTeX entry; `@misc`, which every style knows."""
    record = shown.record
    first = record.creators[0]
    family = first.family if isinstance(first, Person) else first.name
    key = re.sub(r"[^a-z0-9]+", "-", f"{family} {record.doi.rpartition('/')[2]}".lower())
    fields = {
        "author": " and ".join(_tex_name(who) for who in record.creators),
        "title": f"{{{_tex(record.title)}}}",
        "year": str(record.publication_year or ""),
        "publisher": _tex(record.publisher.organisation.name),
        "version": _tex(record.version),
        "howpublished": record.general_type,
        "doi": record.doi,
        "url": doi_url(record.doi),
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@misc{{{key.strip('-')},\n" + ",\n".join(lines) + "\n}\n"


def _tex(text: str) -> str:
    return "".join(_TEX.get(c, c) for c in one_line(text))


def _tex_name(who: Person | Organisation) -> str:
    return _tex(who.name) if isinstance(who, Person) else f"{{{_tex(who.name)}}}"


def ris(shown: Shown) -> str:
    """A RIS record."""
    record = shown.record
    lines = [("TY", "DATA"), *(("AU", who.name) for who in record.creators)]
    lines += [
        ("TI", record.title),
        ("PY", str(record.publication_year or "")),
        ("PB", record.publisher.organisation.name),
        ("ET", record.version),
        ("AB", record.abstract),
        *(("KW", term.label) for term in record.keywords),
        ("DO", record.doi),
        ("UR", doi_url(record.doi)),
    ]
    said = [f"{tag}  - {one_line(value)}" for tag, value in lines if value]
    return "\r\n".join([*said, "ER  - ", ""])


def csl(shown: Shown) -> str:
    """A CSL-JSON item."""
    record = shown.record
    item: dict[str, Any] = {
        "id": doi_url(record.doi),
        "type": "dataset" if record.general_type != "Instrument" else "document",
        "title": record.title,
        "author": [_csl_name(who) for who in record.creators],
        "publisher": record.publisher.organisation.name,
        "version": record.version,
        "abstract": record.abstract,
        "DOI": record.doi,
        "URL": doi_url(record.doi),
    }
    if record.publication_year:
        item["issued"] = {"date-parts": [[record.publication_year]]}
    if record.keywords:
        item["keyword"] = ", ".join(term.label for term in record.keywords)
    return json.dumps(item, ensure_ascii=False, indent=1) + "\n"


def _csl_name(who: Person | Organisation) -> dict[str, str]:
    if isinstance(who, Organisation):
        return {"literal": who.name}
    return {"family": who.family, "given": who.given} if who.given else {"literal": who.family}
