"""A broker within a test, as bad as the test wants it: it loses, doubles, reorders, mixes up."""

import asyncio

HOST = "127.0.0.1"


class FakeBroker:
    """MQTT 3.1.1 at QoS 0, on a port of loopback, from `start` to `stop`.

    `fault(topic, payload)` gives what is delivered in the place of a message, a list of (topic,
    payload); `connack` is the code with which clients are greeted; a message above `most` bytes
    ends its sender's connection. `seen` has all messages, `wills` those that are registered.
    """

    def __init__(self) -> None:
        self.port = 0
        self.fault = lambda topic, payload: [(topic, payload)]
        self.connack = 0
        self.most = 1 << 20
        self.silent = False  # it greets nobody
        self.seen: list[tuple[str, bytes]] = []
        self.retained: dict[str, bytes] = {}
        self.wills: list[tuple[str, bytes]] = []
        self.logins: list[bytes] = []
        self._clients: dict[asyncio.StreamWriter, list[str]] = {}
        self._server = None

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """All of its connections end, and wills are not published."""
        self._server.close()
        for writer in list(self._clients):
            writer.transport.abort()
        self._clients.clear()
        await asyncio.sleep(0)

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publishes as a stranger would."""
        if retain and payload:
            self.retained[topic] = payload
        elif retain:
            self.retained.pop(topic, None)
        for writer, filters in list(self._clients.items()):
            if any(_matches(each, topic) for each in filters):
                writer.write(_publish(topic, payload))

    async def _serve(self, reader, writer) -> None:
        will = None
        self._clients[writer] = []
        try:
            while True:
                kind, body = await _packet(reader)
                if kind >> 4 == 1:
                    if self.silent:
                        continue
                    will = self._connected(body)
                    writer.write(b"\x20\x02\0" + bytes((self.connack,)))
                elif kind >> 4 == 3:
                    self._publish(kind, body, writer)
                elif kind >> 4 in (8, 10):
                    self._subscribe(kind, body, writer)
                elif kind >> 4 == 12:
                    writer.write(b"\xd0\0")
                elif kind >> 4 == 14:
                    will = None
                    break
        except (EOFError, OSError):
            pass
        finally:
            self._clients.pop(writer, None)
            writer.close()
            if will is not None and self._server.is_serving():
                self.publish(*will, True)

    def _connected(self, body: bytes) -> tuple[str, bytes] | None:
        flags, at = body[7], 10
        fields = []
        while at < len(body):
            size = int.from_bytes(body[at : at + 2], "big")
            fields.append(body[at + 2 : at + 2 + size])
            at += 2 + size
        self.logins.append(b" ".join(fields[3 if flags & 4 else 1 :]))
        if not flags & 4:
            return None
        self.wills.append((fields[1].decode(), fields[2]))
        return self.wills[-1]

    def _publish(self, kind: int, body: bytes, writer) -> None:
        if len(body) > self.most:
            writer.transport.abort()
            return
        size = int.from_bytes(body[:2], "big")
        topic, payload = body[2 : 2 + size].decode(), body[2 + size :]
        self.seen.append((topic, payload))
        for message in self.fault(topic, payload):
            self.publish(*message, bool(kind & 1))

    def _subscribe(self, kind: int, body: bytes, writer) -> None:
        filters = self._clients[writer]
        number, at, codes = body[:2], 2, b""
        while at < len(body):
            size = int.from_bytes(body[at : at + 2], "big")
            each = body[at + 2 : at + 2 + size].decode()
            at += 2 + size
            if kind >> 4 == 10:
                filters.remove(each)
                continue
            at += 1
            codes += b"\0"
            filters.append(each)
            for topic, payload in self.retained.items():
                if _matches(each, topic):
                    writer.write(_publish(topic, payload, 1))
        writer.write(bytes((0x90 if codes else 0xB0, 2 + len(codes))) + number + codes)


def _matches(each: str, topic: str) -> bool:
    return each == topic or (each.endswith("/+") and topic.rpartition("/")[0] == each[:-2])


def _publish(topic: str, payload: bytes, retained: int = 0) -> bytes:
    body = len(topic.encode()).to_bytes(2, "big") + topic.encode() + payload
    size, head = len(body), bytearray((0x30 | retained,))
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    head.append(size)
    return bytes(head) + body


async def _packet(reader) -> tuple[int, bytes]:
    kind = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        size |= (digit & 127) << shift
        shift += 7
        if digit < 128:
            return kind, await reader.readexactly(size)
