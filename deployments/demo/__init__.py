"""The demo: a whole facility on one machine, and the story of one beamtime on real files."""
