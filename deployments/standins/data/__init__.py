"""Exports that the stand-in portal serves."""
