"""Sessions that begin here. Nodes that only answer do not load this."""

# Ours

from dsoftbus.errors import END_HANDSHAKE_TIMEOUT, END_LINK_DOWN, LocalError, PeerError

if False:  # for types
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection


async def connect(
    bus: "BaseBus",
    host: str,
    port: int,
    public: bytes,
    timeout_ms: int,
    psk: bytes | None,
    link: str,
    suite: int,
) -> "Connection":
    """See `bus.BaseBus.connect`."""
    if link != "auto":
        return await bus.connect_over(link, host, port, public, timeout_ms, psk, suite)
    half_ms = timeout_ms // 2
    try:
        return await bus.connect_over("tcp", host, port, public, half_ms, psk, suite)
    except PeerError as error:
        if error.code not in (END_LINK_DOWN, END_HANDSHAKE_TIMEOUT):
            raise  # somebody is there, and says no
        bus.report(LocalError(error.code, "falling back to udp"), None)
    return await bus.connect_over("udp", host, port, public, half_ms, psk, suite)
