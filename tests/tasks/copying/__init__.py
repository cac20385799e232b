"""Copies with proof, on real file systems."""
