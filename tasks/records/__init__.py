"""Our own catalog as seen from a flow: the only tasks that touch it.

If the catalog is down, flows fail and are asked for again later; nothing is lost, because
what they were asked for is itself a row of the catalog.
"""
