"""A running node keeps up its files: the trust store, a change of its key."""
