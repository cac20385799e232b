"""Plain values that the records hand out, for type hints in flows."""

from catalog.views import BeamtimeMove, Member, ProposalView, RunMove, RunView, Step

__all__ = ["BeamtimeMove", "Member", "ProposalView", "RunMove", "RunView", "Step"]
