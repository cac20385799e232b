"""The store with tape behind it (dCache): where files are, and giving up their disk copies.

If it is down, archival waits; nothing else does.
"""
