"""Parameter types that explain themselves in the operators' forms."""

from typing import Annotated

from pydantic import Field

ProposalNumber = Annotated[int, Field(ge=1, le=999_999)]
"""A proposal number, 1 to 999999."""

RunNumber = Annotated[int, Field(ge=0, le=99_999)]
"""A run number, 0 to 99999."""

Operator = Annotated[str, Field(max_length=60, pattern=r"^[A-Za-z0-9._@-]*$")]
"""An account name; empty means the system."""

Person = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._@-]+$")]
"""An account name that must be given."""

Reason = Annotated[str, Field(max_length=2000)]
"""Free words for the history."""
