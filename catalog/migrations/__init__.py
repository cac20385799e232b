"""The train of revisions; forward only. See `catalog.schema` for how it is run."""
