"""A DAQ's side of the webhooks: signs, sends, spools to disk while the gateway is down."""
