"""Small servers that speak the wire protocol of systems nobody can install."""
