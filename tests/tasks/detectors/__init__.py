"""Detector files: characterisation and correction."""
