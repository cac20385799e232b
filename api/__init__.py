"""Everything that answers HTTP for people and programs."""
