"""The list of forms."""

from api.formats.dcat import turtle
from api.formats.form import Form
from api.formats.references import bibtex, csl, plain, ris
from api.formats.rocrate import PROFILE as CRATE
from api.formats.rocrate import crate
from api.formats.schemaorg import json_ld

FORMS: tuple[Form, ...] = (
    Form(
        "jsonld",
        "JSON-LD",
        "application/ld+json",
        json_ld,
        profile="https://schema.org/",
        aliases=("application/vnd.schemaorg.ld+json",),
        describes=True,
    ),
    Form(
        "rocrate",
        "RO-Crate",
        "application/ld+json",
        crate,
        profile=CRATE,
        describes=True,
        below="ro-crate-metadata.json",
    ),
    Form(
        "ttl",
        "Turtle (DCAT)",
        "text/turtle",
        turtle,
        profile="http://www.w3.org/ns/dcat#",
        describes=True,
    ),
    Form("bibtex", "BibTeX", "application/x-bibtex", bibtex, aliases=("text/x-bibtex",)),
    Form("ris", "RIS", "application/x-research-info-systems", ris),
    Form("csl", "CSL JSON", "application/vnd.citationstyles.csl+json", csl),
    Form("text", "Plain text", "text/x-bibliography", plain),
)
"""In the order in which a page offers them; where two fit a request alike, the first wins."""


def named(name: str) -> Form | None:
    """A form by its word; None: there is none."""
    return next((form for form in FORMS if form.name == name), None)
