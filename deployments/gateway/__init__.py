"""The webhook gateway: verifies, keeps, answers. Never loads Prefect."""
