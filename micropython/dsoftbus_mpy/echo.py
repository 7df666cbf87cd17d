"""The stream `echo`: the same bytes, as they come, and `FIN` (docs/wire-format.md)."""


def serve_echo(bus) -> None:
    """Answers the stream `echo` with what it brings."""
    bus.on_stream("echo", _echo)


async def _echo(connection, stream) -> None:
    buffer = bytearray(chunk_bytes(connection))
    view = memoryview(buffer)
    n = await stream.readinto(buffer)
    while n:
        await stream.write(view[:n])
        n = await stream.readinto(buffer)


def chunk_bytes(connection) -> int:
    """A stream's first window: what a peer surely may send at once."""
    return connection.session.local.profile.stream_credit
