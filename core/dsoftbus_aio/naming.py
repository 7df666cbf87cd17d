"""Names of peers, as programs show them."""

# Ours

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection


def name_of(connection: "Connection") -> str:
    """The name under which programs show the peer of an established session: that which it was
    paired under, as people know it and no peer can change it; of others what they call
    themselves."""
    guard = connection.bus.node.guard
    entry = None if guard is None else guard.store.get(connection.peer_id)
    return connection.peer_name if entry is None or not entry.name else entry.name


def trusted_of(bus: "BaseBus") -> "Any":
    """The entries of those whom a bus trusts; none where it has no trust store."""
    guard = bus.node.guard
    return guard.store if guard is not None else ()
