"""Sentences and sizes that public records are filled with where people wrote nothing."""

from collections.abc import Sequence

from policies.public_record import Licence

_CC = "https://creativecommons.org"
LICENCES = {
    "CC-BY-4.0": Licence(
        "CC-BY-4.0",
        "Creative Commons Attribution 4.0 International",
        f"{_CC}/licenses/by/4.0/",
    ),
    "CC-BY-SA-4.0": Licence(
        "CC-BY-SA-4.0",
        "Creative Commons Attribution Share Alike 4.0 International",
        f"{_CC}/licenses/by-sa/4.0/",
    ),
    "CC0-1.0": Licence(
        "CC0-1.0", "Creative Commons Zero v1.0 Universal", f"{_CC}/publicdomain/zero/1.0/"
    ),
}
"""Licences that policies name, by SPDX identifier.

Source: SPDX licence list.
"""


def licence(spdx: str) -> Licence:
    """A licence by its SPDX identifier; one that is not listed has its SPDX page as text."""
    return LICENCES.get(spdx) or Licence(spdx, spdx, f"https://spdx.org/licenses/{spdx}.html")


def sizes(runs: int, files: int, size_bytes: int) -> tuple[str, ...]:
    """Sizes for people and machines, for example `118 runs`."""
    return tuple(
        f"{n} {word if n != 1 else word.removesuffix('s')}"
        for n, word in ((runs, "runs"), (files, "files"), (size_bytes, "bytes"))
        if n
    )


def generated_abstract(instrument: str, runs: int, techniques: Sequence[str]) -> str:
    """A sentence for a proposal without an abstract."""
    number = f"{runs} run{'s' if runs != 1 else ''}" if runs else "data"
    how = f" using {', '.join(techniques)}" if techniques else ""
    return f"{number[:1].upper()}{number[1:]} recorded at the instrument {instrument}{how}."
