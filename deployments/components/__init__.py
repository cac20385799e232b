"""Real servers for tests and the demo: our own folder and port, loopback only."""
