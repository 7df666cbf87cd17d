"""The connection to a broker: it never waits, ends, and comes back by itself.

The core's `MqttClient` speaks; here are its sockets, and TLS on them.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

from dsoftbus.base.backoff import Backoff
from dsoftbus.errors import BROKER_GONE, BROKER_REFUSED
from dsoftbus.mqtt.client import ENDED, MESSAGE, OPENED, REFUSED, MqttClient
from dsoftbus.mqtt.packets import Will
from dsoftbus_aio.runtime import Runtime, Watch
from dsoftbus_host import display
from dsoftbus_host.broker.url import BrokerUrl
from dsoftbus_host.clock import now_ms

BUFFER_BYTES = 1 << 16  # each way; a letter has 1.3 KB
CONNECT_S = 15.0  # for name, TCP and TLS
READS = 16  # of the socket in one turn; then others have theirs
_WAITS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_REFUSED = "the broker refuses"
log = display.log()


class BrokerConnection:
    """One client of the broker at `url`, from `start` to `close`.

    `on_open()` is told that the broker has taken this client, `on_message(topic, buffer, at,
    stop)` of what comes (`buffer` is spent afterwards), `on_heard()` that all that was there was
    read, `on_room()` that there is room again. `will()` is asked at each connection.
    """

    def __init__(
        self,
        url: BrokerUrl,
        runtime: Runtime,
        ca: str | None,
        will: Callable[[], Will | None],
        on_open: Callable[[], object],
        on_message: Callable[[bytes, bytearray, int, int], object],
        on_heard: Callable[[], object],
        on_room: Callable[[], object],
    ) -> None:
        self.url = url
        self.client = MqttClient(BUFFER_BYTES, BUFFER_BYTES)
        self.on_lost: Callable[[], object] = _nothing  # hears that the connection has ended
        self.why = ""  # nobody is connected, in words
        self.code = BROKER_GONE
        self.opened = 0  # connections that the broker took
        self._runtime = runtime
        self._ca = ca
        self._will = will
        self._on_open = on_open
        self._on_message = on_message
        self._on_heard = on_heard
        self._on_room = on_room
        self._backoff = Backoff(os.urandom)
        self._socket: socket.socket | None = None
        self._watch: Watch | None = None
        self._writing = False
        self._wanted = False  # somebody waits for room
        self._timer = runtime.timer(self._on_timer)
        self._changed = runtime.signal()
        self._task: Any = None

    @property
    def is_open(self) -> bool:
        """True while the broker has this client."""
        return self.client.is_open

    def start(self) -> None:
        """Connects, and again whenever the connection has ended."""
        self._task = self._runtime.spawn(self._run())

    def close(self) -> None:
        """Takes leave, with what can be sent at once."""
        if self._task is not None:
            self._task.cancel()
        if self._socket is not None:
            self.flush()
            self.client.close()
            self.flush()
        self._drop()
        self._timer.close()
        self._changed.set()

    async def wait_open(self, deadline: int) -> bool:
        """Waits for a connection, up to `deadline`; True once there is one. A broker that refuses
        this client is not waited for."""
        timer = self._runtime.timer(self._changed.set)
        try:
            while not self.is_open and self.code != BROKER_REFUSED and now_ms() < deadline:
                timer.at(deadline)
                await self._changed.change()
        finally:
            timer.close()
        return self.is_open

    def wait_room(self) -> None:
        """Has `on_room` called when all has gone out that is there."""
        self._wanted = True

    def flush(self) -> None:
        """Hands the socket what there is to send."""
        sock, client = self._socket, self.client
        buffer, at, stop = client.output()
        while sock is not None and at < stop:
            try:
                client.written(sock.send(memoryview(buffer)[at:stop]))
            except _WAITS:
                break
            except OSError as error:
                self._lost(str(error))
                return
            buffer, at, stop = client.output()
        self._want_write(at < stop)

    # Its life

    async def _run(self) -> None:
        while True:
            try:
                self._begin(await self._within(CONNECT_S))
                while self._socket is not None:
                    await self._changed.change()
            except OSError as error:
                self._note(BROKER_GONE, _words(error))
            self._backoff.failed(now_ms())
            await asyncio.sleep(max(self._backoff.until - now_ms(), 0) / 1000)

    async def _within(self, seconds: float) -> socket.socket:
        """A connected socket; `asyncio.wait_for` may lose the cancellation by `close`."""
        task = asyncio.ensure_future(self._connected())
        try:
            await asyncio.wait((task,), timeout=seconds)
            if not task.done():
                raise OSError("no answer")
            return task.result()
        except BaseException:
            task.add_done_callback(_close_unused)
            task.cancel()
            raise

    async def _connected(self) -> socket.socket:
        """A socket that is connected, and speaks TLS where the URL wants it."""
        loop = asyncio.get_running_loop()
        failure = OSError("the name has no address")
        found = await loop.getaddrinfo(self.url.host, self.url.port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await loop.sock_connect(sock, address)
                return await self._secured(sock) if self.url.tls else sock
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
        raise failure

    async def _secured(self, plain: socket.socket) -> socket.socket:
        context = ssl.create_default_context(cafile=self._ca)
        sock = context.wrap_socket(
            plain, server_hostname=self.url.host, do_handshake_on_connect=False
        )
        try:
            while True:
                try:
                    sock.do_handshake()
                    return sock
                except ssl.SSLWantReadError:
                    await _ready(sock, False)
                except ssl.SSLWantWriteError:
                    await _ready(sock, True)
        except BaseException:
            sock.close()
            raise

    def _begin(self, sock: socket.socket) -> None:
        self._socket = sock
        name = b"d" + os.urandom(11).hex().encode()  # at most 23 letters and digits
        user, password = self.url.user.encode(), self.url.password.encode()
        self.client.begin(now_ms(), name, user, password, self._will())
        self._watch = self._runtime.watch(sock.fileno(), self._readable, self._writable)
        self.flush()
        self._time()

    def _lost(self, why: str) -> None:
        self.client.link_lost(why)
        self._events()

    def _ended(self, why: str) -> None:
        refused = why.startswith(_REFUSED)
        self._note(BROKER_REFUSED if refused else BROKER_GONE, why)
        self._drop()
        self._changed.set()
        self._on_room()  # what waited is lost
        self.on_lost()

    def _drop(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._writing = self._wanted = False

    def _note(self, code: int, why: str) -> None:
        if why != self.why:
            log.warning("broker %s: %s", self.url, why)
        self.code, self.why = code, why
        self._changed.set()

    # What its socket and its timer bring

    def _readable(self) -> None:
        for _ in range(READS):
            sock = self._socket
            if sock is None:
                break
            view = self.client.space()
            size = len(view)
            try:
                n = sock.recv_into(view)
            except _WAITS:
                break
            except OSError as error:
                self._lost(_words(error))
                break
            if not n:
                self._lost("the broker has closed the connection")
                break
            self.client.filled(n, now_ms())
            self._events()
            if n < size and not self.url.tls:
                break
        self._on_heard()
        if self._socket is not None and self.url.tls and self._pending():
            self._timer.at(0)  # no socket tells of what TLS has read already

    def _pending(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def _events(self) -> None:
        client = self.client
        event = client.next_event(now_ms())
        while event:
            if event == MESSAGE:
                self._on_message(client.topic, client.buffer, client.at, client.stop)
            elif event == OPENED:
                self._opened()
            elif event == REFUSED:
                log.warning("broker %s: it refuses a subscription", self.url)
            elif event == ENDED:
                self._ended(client.why)
            event = client.next_event(now_ms())

    def _opened(self) -> None:
        self.why = ""
        self.code = BROKER_GONE
        self.opened += 1
        self._backoff.reset()
        self._on_open()
        self.flush()
        self._time()
        self._changed.set()

    def _writable(self) -> None:
        self.flush()
        if self._wanted and not self._writing:
            self._wanted = False
            self._on_room()

    def _want_write(self, on: bool) -> None:
        if on != self._writing and self._watch is not None:
            self._writing = on
            self._watch.want_write(on)

    def _on_timer(self) -> None:
        if self._socket is None:
            return
        self.client.handle_timer(now_ms())
        self._events()
        self.flush()
        if self._pending():
            self._readable()
        self._time()

    def _time(self) -> None:
        self._timer.at(self.client.poll_timer())


def _close_unused(task: asyncio.Task[socket.socket]) -> None:
    """Nobody waits for the connection any more."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _ready(sock: socket.socket, write: bool) -> None:
    """Waits until `sock` can be read, or written to."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    add, remove = (
        (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    )

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    add(sock.fileno(), tell)
    try:
        await ready
    finally:
        remove(sock.fileno())


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return error.strerror or str(error) or type(error).__name__


def _nothing() -> None:
    """Stands for who does not want to hear."""
