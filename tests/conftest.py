"""Plugins for every test; each brings the fixtures of one kind of thing."""

pytest_plugins = [
    "tests.plugins.components",
    "tests.plugins.slurm",
    "tests.plugins.spreading",
]
