"""The only functions that change state."""
