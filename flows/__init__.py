"""One flow per file; each reads as a paragraph of the operator's handbook."""
