"""Facility files that come with beamkeeper."""
