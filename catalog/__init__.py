"""The record of everything: tables, queries (read), commands (write), migrations."""
