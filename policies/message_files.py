"""What a DAQ message may say of files: names, sizes, checksums, and who was to write them."""

from dataclasses import dataclass
from typing import Any

from policies.message_rules import MAX_TRAIN, Field, as_is, one, strange

MAX_FILES = 20_000
MAX_AGGREGATORS = 1_000
MAX_FILENAME = 255
_CHECKSUM = 8
_AGGREGATOR = 40


def _is_plain(name: object) -> bool:
    """Whether it is the name of a file and nothing else."""
    return (
        isinstance(name, str)
        and name not in {"", ".", ".."}
        and "/" not in name
        and not strange(name)
        and len(name.encode()) <= MAX_FILENAME
    )


@dataclass(frozen=True)
class PlainName:
    """A file's name without a folder."""

    type = "text"
    words = f"a plain file name of at most {MAX_FILENAME} bytes: no `/`, no control characters"
    take = staticmethod(as_is)

    def faults(self, value: object) -> dict[str, str]:
        """Something that names another place, or nothing."""
        return one("" if _is_plain(value) else "must be a plain file name")


@dataclass(frozen=True)
class PathBelow:
    """A path of plain names below the run's folder, or nothing.

    Source: the catalog's clients send `r0020/`, older ones `0020/`.
    """

    type = "text"
    words = "plain names with `/` between them, with or without one at the end; never absolute"
    take = staticmethod(as_is)

    def faults(self, value: object) -> dict[str, str]:
        """A path that leads elsewhere."""
        plain = value == "" or (
            isinstance(value, str) and all(map(_is_plain, value.removesuffix("/").split("/")))
        )
        return one("" if plain else "must be a path below the run folder")


@dataclass(frozen=True)
class Size:
    """A number of bytes."""

    type = "integer"
    words = "0 to 2⁶³ - 1"
    take = staticmethod(as_is)

    def faults(self, value: object) -> dict[str, str]:
        """No such number."""
        count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TRAIN
        return one("" if count else "must be a number of bytes")


@dataclass(frozen=True)
class Checksum:
    """An Adler-32."""

    type = "text"
    words = f"{_CHECKSUM} hexadecimal digits"

    def faults(self, value: object) -> dict[str, str]:
        """Something else than hexadecimal digits."""
        digits = isinstance(value, str) and all(c in "0123456789abcdefABCDEF" for c in value)
        good = digits and len(str(value)) == _CHECKSUM
        return one("" if good else f"should be {_CHECKSUM} hex characters")

    def take(self, value: Any) -> str:  # noqa: ANN401
        """In small letters."""
        return str(value).lower()


@dataclass(frozen=True)
class Aggregators:
    """Names of the parts of the data acquisition that were to write, each once."""

    type = "list of text"
    words = (
        f"at most {MAX_AGGREGATORS} names of ASCII letters, digits and `_`, at most"
        f" {_AGGREGATOR} characters each, none twice"
    )
    take = staticmethod(as_is)

    def faults(self, value: object) -> dict[str, str]:
        """No list, or names that no file can carry."""
        if not isinstance(value, list) or len(value) > MAX_AGGREGATORS:
            return one(f"must be a list of at most {MAX_AGGREGATORS} aggregators")
        found = {f"[{i}]": "must be an aggregator's name" for i, v in enumerate(value) if _odd(v)}
        names = [v for v in value if isinstance(v, str)]
        return found or one("" if len(set(names)) == len(names) else "names one twice")


def _odd(name: object) -> bool:
    if not isinstance(name, str) or not 0 < len(name) <= _AGGREGATOR:
        return True
    return not (name.isascii() and name.replace("_", "a").isalnum())


@dataclass(frozen=True)
class Files:
    """A list of objects, one per file.

    Attributes:
        fields: What each object may hold.
    """

    fields: tuple[Field, ...]
    type = "list of objects"
    words = f"at most {MAX_FILES} files, each as below"

    def faults(self, value: object) -> dict[str, str]:
        """No list, or what is wrong with each file."""
        if not isinstance(value, list) or len(value) > MAX_FILES:
            return one(f"must be a list of at most {MAX_FILES} files")
        found: dict[str, str] = {}
        for index, item in enumerate(value):
            if not isinstance(item, dict) or not isinstance(item.get("filename"), str):
                found[f"[{index}]"] = "must be an object with a filename"
                continue
            for field in self.fields:
                for part, rule in field.faults(item).items():
                    found[f"[{index}].{part}"] = rule
        return found

    def take(self, value: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Every file with all its fields, None where nothing was said."""
        return [{field.name: field.take(item) for field in self.fields} for item in value]
