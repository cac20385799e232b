"""The shape of the tree: what may stand where, and what must not stand anywhere."""
