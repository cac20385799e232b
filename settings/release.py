"""What a nightly round of releases may open without a person."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ReleaseSettings(BaseModel):
    """Breakers of the release sweep.

    Attributes:
        max_proposals_per_round: More proposals than this stop a round.
        max_bytes_per_round: More bytes than this stop a round.
        times_usual: More than so many times the usual number stop a round.
        longest_gap_hours: A round that begins later than this after the one before stops.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_proposals_per_round: Annotated[int, Field(ge=1)] = 20
    max_bytes_per_round: Annotated[int, Field(ge=1)] = 500 * 1000**4
    times_usual: Annotated[float, Field(gt=1)] = 3.0
    longest_gap_hours: Annotated[float, Field(gt=0)] = 36.0
