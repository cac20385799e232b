"""Gateway, relay, command line, demo facility, stand-ins: where things run."""
