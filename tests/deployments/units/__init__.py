"""The service files as they stand, parsed and started."""
