"""The outbox relay: hands over what the catalog asked for. Speaks Prefect's REST, never loads it."""
