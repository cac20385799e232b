"""How strictly run files are judged: thresholds, and checks that a site switches off."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.audit import AuditSettings, check_names

_RULES = AuditSettings()

Seconds = Annotated[float, Field(ge=0, le=366 * 86_400)]
"""A span of at most a year."""


class AuditSection(BaseModel):
    """Thresholds of the checks of run files; the checks are in `docs/reference/audit.md`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    missing_trains_max: Annotated[float, Field(ge=0, le=1)] = _RULES.missing_trains_max
    """Share of an aggregator's trains that may be absent before it is more than a remark."""
    modified_after_seconds: Seconds = _RULES.modified_after.total_seconds()
    """How long after the run's end a file may still change."""
    creation_tolerance_seconds: Seconds = _RULES.creation_tolerance.total_seconds()
    """How far a creation date may lie outside the run."""
    whitelist: frozenset[str] = _RULES.whitelist
    """Names that readers of the data leave in a run folder."""
    disabled: frozenset[str] = _RULES.disabled
    """Checks that are not made here; their names are in the table above."""
    not_blocking: frozenset[str] = _RULES.not_blocking
    """Checks whose findings never stop a migration here."""

    @model_validator(mode="after")
    def _known_checks(self) -> Self:
        unknown = sorted((self.disabled | self.not_blocking) - check_names())
        if unknown:
            raise ValueError(f"there is no check {', '.join(unknown)}")
        return self

    def rules(self) -> AuditSettings:
        """The thresholds as the checks take them."""
        return AuditSettings(
            missing_trains_max=self.missing_trains_max,
            modified_after=timedelta(seconds=self.modified_after_seconds),
            creation_tolerance=timedelta(seconds=self.creation_tolerance_seconds),
            whitelist=self.whitelist,
            disabled=self.disabled,
            not_blocking=self.not_blocking,
        )
