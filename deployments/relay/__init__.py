"""The outbox relay: hands over what the catalog asked for; speaks REST, never loads Prefect."""
