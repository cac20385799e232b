"""Data policies as files: YAML that inherits, whole documents with a digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import policies
from policies.data_policy import DataPolicy, policy_of
from policies.errors import Invalid, Misconfigured

FOLDER = Path(policies.__file__).parent / "versions"
"""Policies that come with beamkeeper."""


@dataclass(frozen=True)
class PolicyFile:
    """A policy as it is on disk.

    Attributes:
        policy: What it says.
        document: The same as a whole document, inherited values included.
        sha256: Over the canonical form of the document.
    """

    policy: DataPolicy
    document: dict[str, Any]
    sha256: str


def read_policies(names: tuple[str, ...], folder: Path = FOLDER) -> tuple[PolicyFile, ...]:
    """Read policies by name.

    Raises:
        Misconfigured: A file is missing, is no YAML, or says something that cannot be followed;
            names the place and the rule.
    """
    return tuple(read_policy(name, folder) for name in names)


@cache
def read_policy(name: str, folder: Path = FOLDER) -> PolicyFile:
    """Read a policy by name.

    Raises:
        Misconfigured: As `read_policies` says.
    """
    document = _whole(name, folder, ())
    if document.get("id") != name:
        raise Misconfigured(f"policy {name}: its id is {document.get('id')!r}")
    try:
        policy = policy_of(document)
    except Invalid as error:
        raise Misconfigured(f"policy {name}: {error.message}") from None
    return PolicyFile(policy, document, digest(document))


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 over a document's canonical form: JSON, keys sorted, no spaces."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _whole(name: str, folder: Path, heirs: tuple[str, ...]) -> dict[str, Any]:
    if name in heirs:
        raise Misconfigured(f"policy {name} inherits from itself: {' → '.join((*heirs, name))}")
    path = folder / f"{name}.yaml"
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"there is no policy {name}: {path}") from error
    except yaml.YAMLError as error:
        raise Misconfigured(f"policy {name} is no YAML: {error}") from None
    if not isinstance(said, dict):
        raise Misconfigured(f"policy {name} is no map")
    parent = said.pop("inherits", None)
    if parent is None:
        return said
    return merged(_whole(str(parent), folder, (*heirs, name)), said, name)


def merged(base: Mapping[str, Any], over: Mapping[str, Any], where: str) -> dict[str, Any]:
    """One document laid over another: maps merge, lists and values replace, `key+` appends.

    Raises:
        Misconfigured: `key+` where no list is inherited.
    """
    found = dict(base)
    for key, value in over.items():
        plain = key.removesuffix("+")
        if key != plain:
            if not isinstance(found.get(plain), list) or not isinstance(value, list):
                raise Misconfigured(f"policy {where}: {key} appends to no list")
            found[plain] = [*found[plain], *value]
        elif isinstance(value, dict) and isinstance(found.get(key), dict):
            found[key] = merged(found[key], value, f"{where}.{key}")
        else:
            found[key] = value
    return found
