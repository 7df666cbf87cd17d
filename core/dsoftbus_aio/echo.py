"""The stream `echo`: the same bytes, as they come, and `FIN` (docs/wire-format.md)."""

if False:  # for types
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.stream import BusStream


def serve_echo(bus: "BaseBus") -> None:
    """Answers the stream `echo` with what it brings."""
    bus.on_stream("echo", _echo)


async def _echo(connection: "Connection", stream: "BusStream") -> None:
    buffer = bytearray(connection.session.local.profile.frame_payload)
    view = memoryview(buffer)
    n = await stream.readinto(buffer)
    while n:
        await stream.write(view[:n])
        n = await stream.readinto(buffer)


def chunk_bytes(connection: "Connection") -> int:
    """A stream's first window: what a peer surely may send at once."""
    return connection.session.local.profile.stream_credit
