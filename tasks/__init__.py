"""One sub-package per outside system."""
