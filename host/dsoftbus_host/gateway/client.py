"""A client of a broker on asyncio, over paho-mqtt: it reconnects by itself, and queues nothing.

paho reads and writes where the loop says that its socket is ready; only what blocks, looking up
the name and connecting, runs in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import socket
import ssl
from pathlib import Path
from typing import Any, Protocol

from dsoftbus.errors import Unsupported
from dsoftbus_host.broker.url import BrokerUrl
from dsoftbus_host.event_loop import running_loop
from dsoftbus_host.gateway.outbox import Publish

_KEEPALIVE_S = 15
_CONNECT_S = 5  # for the TCP connection and TLS, and for the broker's answer
_LOOK_S = 1
_FIRST_S, _LONGEST_S = 1.0, 60.0  # between attempts
_ID_MAX = 23  # characters that every broker takes
_AT_ONCE = 64  # messages before others have their turn
_BAD_LOGIN = ("Bad user name or password", "Not authorized")
_EXPECTED = (OSError, ValueError)  # of an attempt that fails


class Handler(Protocol):
    """A client tells and asks this."""

    def on_up(self) -> None:
        """There is a connection, and all is subscribed to."""

    def on_down(self, why: str) -> None:
        """There is none: said once for each that ends, and for each attempt that fails."""

    def on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        """A message has come."""

    def next_message(self) -> Publish | None:
        """Returns what leaves next: it is asked for when the broker takes it."""

    def subscriptions(self) -> list[str]:
        """The filters to begin with."""


def paho() -> Any:
    """paho-mqtt. Raises Unsupported where it is not installed."""
    try:
        return importlib.import_module("paho.mqtt.client")
    except ImportError:
        raise Unsupported("paho-mqtt: pip install 'dsoftbus[mqtt]'") from None


class Client:
    """One connection to a broker after the other, while `run` runs. `will` is what the broker says
    when one of them is lost."""

    def __init__(
        self, broker: BrokerUrl, name: str, will: Publish, handler: Handler, ca: Path | None = None
    ) -> None:
        self._broker = broker
        self._handler = handler
        self._mqtt = paho()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._change = asyncio.Event()  # the connection is up, or has ended
        self._ended = ""
        self._up = False
        self._writing = False
        self._left = False
        self._subscribing = -1
        self._client = self._made(name, will, ca)

    async def run(self) -> None:
        """Connects, and again whenever the connection has ended, until it is cancelled."""
        self._loop = running_loop()
        wait_s = _FIRST_S
        while not self._left:
            was_up = await self._session()
            wait_s = _FIRST_S if was_up else min(2 * wait_s, _LONGEST_S)
            await asyncio.sleep(wait_s * (0.5 + os.urandom(1)[0] / 510))

    def wake(self) -> None:
        """There may be something to publish."""
        for _ in range(_AT_ONCE):
            message = None if self._busy() else self._handler.next_message()
            if message is None:
                self._watch_writing()
                return
            self._client.publish(message.topic, message.payload, 0, message.retain)
        if self._loop is not None:
            self._loop.call_soon(self.wake)

    def subscribe(self, topic: str) -> None:
        """Subscribes to one more filter in this connection."""
        if self._up:
            self._client.subscribe(topic, 0)

    async def leave(self, limit_s: float) -> None:
        """Hands out what waits, for so long at most, and says goodbye to the broker."""
        give_up = asyncio.get_running_loop().time() + limit_s
        while self._up and asyncio.get_running_loop().time() < give_up:
            self.wake()
            if not self._busy():
                break
            await asyncio.sleep(0.01)
        self._left = True
        self._client.disconnect()

    # One connection

    async def _session(self) -> bool:
        """One attempt, and the connection that it gave to its end; returns whether it gave one."""
        self._change.clear()
        self._ended, self._up, self._writing = "", False, False
        was_up = False
        try:
            await asyncio.to_thread(self._connect)
            was_up = await self._alive()
        except _EXPECTED as error:
            self._ended = self._ended or _words(error)
        finally:
            self._let_go()
        self._up = False
        self._handler.on_down(self._ended or "the broker has ended the connection")
        return was_up

    def _connect(self) -> None:
        """Blocks, in a thread."""
        broker = self._broker
        self._client.connect(broker.host, broker.port, _KEEPALIVE_S)

    async def _alive(self) -> bool:
        """Looks after a connection until its end; returns whether it was taken."""
        sock = self._client.socket()
        if sock is None or self._loop is None:
            return False
        self._loop.add_reader(sock, self._readable)
        self._watch_writing()
        await self._changed(self._loop, _CONNECT_S)
        if not self._up:
            self._ended = self._ended or "the broker does not answer"
            return False
        while self._up and not self._ended:
            self._change.clear()
            await self._changed(self._loop, _LOOK_S)
            self._client.loop_misc()
            self._watch_writing()
        return True

    async def _changed(self, loop: asyncio.AbstractEventLoop, limit_s: float) -> None:
        """Waits for a change, for so long at most; `wait_for` may lose a cancellation."""
        timer = loop.call_later(limit_s, self._change.set)
        try:
            await self._change.wait()
        finally:
            timer.cancel()

    def _let_go(self) -> None:
        """Nothing watches the socket any more."""
        sock = self._client.socket()
        if sock is not None and self._loop is not None:
            self._unwatch(sock)
            with contextlib.suppress(OSError):
                sock.close()

    def _unwatch(self, sock: Any) -> None:
        if self._loop is not None and sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
        self._writing = False

    def _busy(self) -> bool:
        return not self._up or self._client.want_write()

    def _readable(self) -> None:
        self._client.loop_read()
        sock = self._client.socket()
        while sock is not None and sock is self._client.socket() and _pending(sock):
            self._client.loop_read()  # TLS had more than the system can tell of
        self.wake()

    def _writable(self) -> None:
        self._client.loop_write()
        self.wake()

    def _watch_writing(self) -> None:
        """Hears of it when the socket takes more, if something waits for that."""
        sock = self._client.socket()
        if sock is None or self._loop is None or self._client.want_write() == self._writing:
            return
        self._writing = not self._writing
        if self._writing:
            self._loop.add_writer(sock, self._writable)
        else:
            self._loop.remove_writer(sock)

    # What paho tells

    def _made(self, name: str, will: Publish, ca: Path | None) -> Any:
        mqtt = self._mqtt
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, name[:_ID_MAX], protocol=mqtt.MQTTv311
        )
        client.connect_timeout = _CONNECT_S
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password or None)
        if self._broker.tls:
            client.tls_set_context(ssl.create_default_context(cafile=ca and str(ca)))
        client.will_set(will.topic, will.payload, 0, will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_socket_close = self._on_socket_close
        return client

    def _on_connect(self, client: Any, _data: Any, _flags: Any, why: Any, _more: Any) -> None:
        if why.is_failure:
            said = str(why)
            login = said in _BAD_LOGIN
            self._ended = f"the broker refuses the {'login' if login else 'connection'}: {said}"
            self._change.set()
            return
        filters = [(topic, 0) for topic in self._handler.subscriptions()]
        _, self._subscribing = client.subscribe(filters)

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, codes: Any, _more: Any) -> None:
        if mid != self._subscribing or self._up:
            return
        if any(code.is_failure for code in codes):
            self._ended = "the broker refuses a subscription"
        else:
            self._up = True
            self._handler.on_up()
        self._change.set()

    def _on_disconnect(self, _client: Any, _data: Any, _f: Any, why: Any, _more: Any) -> None:
        self._ended = self._ended or f"the connection has ended: {why}"
        self._up = False
        self._change.set()

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # no topic of ours
        self._handler.on_message(topic, message.payload, bool(message.retain))

    def _on_socket_close(self, _client: Any, _data: Any, sock: socket.socket) -> None:
        if self._loop is not None:  # paho closes it in the thread that connects, too
            with contextlib.suppress(RuntimeError, ValueError):
                if _in(self._loop):
                    self._unwatch(sock)


def _pending(sock: Any) -> bool:
    return hasattr(sock, "pending") and sock.pending() > 0


def _in(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "the broker does not answer"
    return str(error) or type(error).__name__
