"""A session as programs have it. `stream_port` and `datagram_port` have the drivers: thin wrappers
of the core's pumps."""

import asyncio

from dsoftbus.const import (
    CALLS_STREAM,
    EV_OPENED,
    KIND_BYTES,
    KIND_MESSAGES,
    OWN_PREFIX,
    TOPICS_STREAM,
)
from dsoftbus.errors import (
    END_INTERNAL,
    END_LOCAL,
    END_NO_MEMORY,
    NO_SUCH_SERVICE,
    STREAM_KIND_MISMATCH,
    STREAM_LIMIT,
    STREAM_REFUSED,
    BusError,
)
from dsoftbus_aio.stream import BusStream

if False:  # for types
    from collections.abc import Awaitable

    from dsoftbus.contracts import Any
    from dsoftbus.mux.events import Event
    from dsoftbus.mux.stream import Stream
    from dsoftbus.service.clock import ClockSample
    from dsoftbus.service.directory import Offer
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.contracts import Progress
    from dsoftbus_aio.services.answering import Answering
    from dsoftbus_aio.services.calls import Calling, Parts
    from dsoftbus_aio.services.directory import OffersWatch
    from dsoftbus_aio.services.log_watch import LogWatch
    from dsoftbus_aio.services.share_listing import Shared
    from dsoftbus_aio.services.subscriptions import SubscribingLine, Updates


# Made now: an except clause with two names would make it when there may be no memory for it.
_CUT_SHORT = (asyncio.CancelledError, MemoryError)


class Connection:
    """An established session, for programs; before that, its bus's own.

    Iterate over it for the streams that the peer opens. A subclass drives it.
    """

    # Ours: where there are calls and topics, the streams that carry them
    calling: "Calling | None" = None
    answering: "Answering | None" = None
    subscribing: "SubscribingLine | None" = None
    subscribed: "Any" = None  # the peer's stream, which waits until this node publishes

    # Public

    def __init__(self, bus: "BaseBus", session: "Any") -> None:
        self.session = session
        self.bus = bus
        # Ours
        self.runtime = bus.runtime
        self.released = False  # the link is gone
        self.serving = 0  # handlers of its streams that run now
        self._incoming: list[BusStream] = []  # no more than the peer may have open
        self._changed = bus.runtime.signal()  # established, a stream came, or the link went
        self._note_peer()

    def _note_peer(self) -> None:
        session = self.session
        self.peer_id = session.peer_id  # None while it is not proved
        self.peer_name = session.peer_name
        self.peer_public = session.peer_public

    # For programs

    @property
    def cause(self) -> BusError | None:
        """The reason for the session's end, a BusError, or None while it lives."""
        return self.session.failure

    @property
    def path(self) -> str:
        """The place of the peer now, in words: `tcp HOST:PORT`, `udp HOST:PORT`, `serial PORT`."""
        from dsoftbus_aio.path_text import path_text  # only who asks pays for it

        return path_text(self)

    async def open(self, name: str, priority: int = 3, kind: int = KIND_BYTES) -> BusStream:
        """A stream to the peer's service `name`; priority 0 (highest) to 7.

        Writing may start at once; a refusal shows as PeerError at the next read or write.
        """
        if self.session.closed:
            raise self.cause
        stream = self.session.open(name, priority, kind)
        try:
            wrapped = self._wrapped(stream)
        except MemoryError:
            stream.reset()
            raise
        finally:
            self.turn()
        if self.bus.on_name is not None:
            self.bus.on_name(name)
        return wrapped

    async def call(self, name: str, value: "Any" = None, timeout_ms: int = 5000) -> "Any":
        """The value with which the peer's handler of this name answers; of a reply in parts, the
        last word. `value` is None, a bool, int, float, bytes, str, list or dict of such. Safe to
        cancel: the handler is cancelled, too. `timeout_ms` 0 waits for ever.

        Raises CallError: `code` says why, as in docs/services.md. A call is made at most once.
        """
        return await self._calls(name).call(name, value, timeout_ms)

    def parts(self, name: str, value: "Any" = None, timeout_ms: int = 0) -> "Parts":
        """Calls as `call` does, for a reply in parts: `async for part in
        connection.parts(...)`."""
        return self._calls(name).parts(name, value, timeout_ms)

    def _calls(self, name: str) -> "Calling":
        """The line for calls from here, which the first one opens."""
        line = self.calling
        if line is not None and not line.ended:
            return line
        from dsoftbus_aio.services.calls import open_line  # only who makes calls pays for them

        return open_line(self, name)

    async def offers(self, timeout_ms: int = 5000) -> "list[Offer]":
        """The calls and topics of the peer that are ready, and that this node may use.

        Raises CallError: NO_METHOD where the peer has no directory; PeerError for a list that is
        none.
        """
        from dsoftbus_aio.services.directory import offers  # only who asks pays for it

        return await offers(self, timeout_ms)

    def watch_offers(self) -> "OffersWatch":
        """The list of `offers`, at once and again whenever it is another: `async for offers in
        connection.watch_offers()`. It ends with the session."""
        from dsoftbus_aio.services.directory import OffersWatch  # as above

        return OffersWatch(self, False)

    def subscribe(self, text: str) -> "Updates":
        """The updates of the peer's topics that this filter matches: `async for update in
        connection.subscribe("+/temperature")`. They end with the session.

        Raises TopicError, here or in the loop: `code` says why, as in docs/services.md.
        """
        from dsoftbus_aio.services.subscriptions import (
            ConnectionUpdates,  # only who subscribes pays
        )

        return ConnectionUpdates(self, text)

    async def time(self, samples: int = 4, timeout_ms: int = 5000) -> "ClockSample":
        """The peer's clock beside this node's: asks so many times, each with this timeout, and
        takes the answer of the least delay.

        Raises CallError; PeerError(CLOCK_NOT_KNOWN) where the peer does not know the time.
        """
        from dsoftbus_aio.services.clock import time  # as above

        return await time(self, samples, timeout_ms)

    async def send(
        self,
        path: "Any",
        name: str = "",
        replace: bool = False,
        progress: "Progress | None" = None,
    ) -> "list[Shared]":
        """Stores the file at `path`, or all of the folder there, with the peer, as `name` or under
        its own name, and in place of files that the peer has only with `replace`. A transfer that
        was cut in an earlier session goes on where it stopped; a file that the peer has already is
        not sent.

        `progress(done, size)` hears of bytes, of all files together. Raises PeerError as the peer
        refuses (docs/share.md), LocalError(STREAM_REFUSED) for a name that no peer takes and for
        a secret of this node; BusError, OSError.
        """
        from dsoftbus_aio.services.share_asking import Sending  # only who moves files pays for it

        files = self.bus.local_files()
        return await Sending(files, path, name, replace, progress).run(self)

    async def fetch(
        self,
        name: str,
        folder: "Any" = ".",
        replace: bool = False,
        progress: "Progress | None" = None,
    ) -> "list[Shared]":
        """Fetches the peer's file `name` into `folder`, or all files of the folder of that name or
        that it matches as a pattern (`photos/*.jpg`); in place of files that are there only with
        `replace`. Goes on, tells and raises as `send` does; LocalError(FILE_EXISTS)."""
        from dsoftbus_aio.services.share_asking import Fetching  # as above

        files = self.bus.local_files()
        return await Fetching(files, name, folder, replace, progress).run(self)

    async def files(self, pattern: str = "") -> "list[Shared]":
        """The files that the peer shares, that this node may fetch, and that `pattern` matches."""
        from dsoftbus_aio.services.share_listing import listed  # as above

        return await listed(self, pattern, [])

    def read_logs(self, level: str = "debug", follow: bool = False) -> "LogWatch":
        """The peer's log, from the oldest record that it holds, and with `follow` those to come:
        `async for record in connection.read_logs()`; of `level` ("debug", "info", "warning",
        "error") and above. It ends with the session. The loop raises CallError: DENIED, NO_METHOD
        where the peer keeps no log."""
        from dsoftbus_aio.services.log_watch import LogWatch  # as above

        return LogWatch(self, False, level, follow)

    async def accept(self) -> BusStream:
        """The next stream that the peer opens; raises the session's cause at its end."""
        while True:
            while self._incoming:
                stream = self._incoming.pop(0)
                if stream.accept():
                    return stream
            if self.session.closed:
                raise self.cause
            await self._changed.change()

    def __aiter__(self) -> "Connection":
        return self

    async def __anext__(self) -> BusStream:
        try:
            return await self.accept()
        except BusError:
            raise StopAsyncIteration

    async def established(self) -> "Connection":
        """Returns itself once the handshake has ended well; raises the cause when it has not. A
        wait that is cut short ends the session."""
        try:
            while self.session.half_open:
                await self._changed.change()
        except _CUT_SHORT as error:
            self.abort(END_NO_MEMORY if isinstance(error, MemoryError) else END_LOCAL)
            raise
        if self.session.closed:
            raise self.cause
        return self

    async def ended(self) -> BusError:
        """Waits for the end of the session; returns its cause."""
        while self.cause is None:
            await self._changed.change()
        return self.cause

    async def ping(self) -> None:
        """Asks for a sign of life; `session.keepalive.rtt_ms` has the answer's time."""
        self.session.ping(self.runtime.now())
        self.turn()

    async def close(self) -> None:
        """Sends what was written, tells the peer, and returns when the link is gone."""
        self.begin_close()
        while not self.released:
            await self._changed.change()

    def __aenter__(self) -> "Awaitable[Connection]":
        """Enters the session, which ends if memory is lacking for that."""
        try:
            return self._entered()
        except MemoryError:
            self.abort(END_NO_MEMORY)
            raise

    async def _entered(self) -> "Connection":
        return self

    def __aexit__(self, kind: "Any", error: "Any", trace: "Any") -> "Awaitable[None]":
        try:
            return self.close()
        except MemoryError:
            self.abort(END_NO_MEMORY)
            raise

    # Ours: what its bus and a driver supply

    def begin_close(self) -> None:
        """Begins what `close` does, and does not wait."""
        try:
            self.session.close(self.runtime.now())
        except Exception as error:  # noqa: BLE001 - a fault of ours, or a lack of memory
            self._fail(error)
        self.drive()

    def start(self) -> None:
        """Drives the session from now on. The bus has the connection already, and hears of its
        end, should that come at once."""
        raise NotImplementedError

    def turn(self) -> None:
        """After a command: what can move, moves."""
        raise NotImplementedError

    def turn_if_owed(self) -> None:
        """After a read: where it gave the peer new credit, that leaves with what others read."""
        raise NotImplementedError

    def drive(self) -> None:
        """Does what `turn` does, at once, and sets the timer anew."""
        raise NotImplementedError

    def abort(self, code: int) -> None:
        """Ends the session at once: something is wrong on this side."""
        raise NotImplementedError

    def _fail(self, error: Exception) -> None:
        """A fault in this session, or a lack of memory, ends it and no other."""
        self.bus.report(error, self.session)
        self.abort(END_NO_MEMORY if isinstance(error, MemoryError) else END_INTERNAL)

    def _release(self) -> None:
        """The link is gone. All who wait for anything of this session learn of its end."""
        self.released = True
        self._changed.set()
        self.bus.on_released(self)

    # Events

    def on_event(self, event: "Event") -> None:
        """A fault here ends the session; the events that follow are told all the same."""
        stream = event.stream
        try:
            if stream is None:
                self._note_peer()
                self._changed.set()
                if not self.session.closed:
                    self.bus.on_established(self)
            elif event.kind == EV_OPENED:
                self._on_opened(stream)
            elif stream.context is not None:
                stream.context.notify(event.kind)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours
            self.bus.report(error, self.session)
            self.session.refuse(END_INTERNAL)

    def _on_opened(self, core_stream: "Stream") -> None:
        bus = self.bus
        try:
            if core_stream.name in (CALLS_STREAM, TOPICS_STREAM):
                self._on_service(core_stream)
                return
            handler = bus.handler(core_stream.name)
            if handler is None and not (bus.serves or core_stream.name.startswith(OWN_PREFIX)):
                self._offer(self._wrapped(core_stream))
            elif handler is None:
                core_stream.reset(NO_SUCH_SERVICE)
            # As many again may be busy still with what their ended stream brought; a peer that
            # opens and resets gets no further tasks out of it.
            elif self.serving >= 2 * self.session.local.profile.streams:
                core_stream.reset(STREAM_REFUSED)
            else:
                bus.serve(handler, self, self._wrapped(core_stream))
        except MemoryError:
            core_stream.reset(STREAM_REFUSED)

    def _on_service(self, core_stream: "Any") -> None:
        if core_stream.kind != KIND_MESSAGES:
            core_stream.reset(STREAM_KIND_MISMATCH)
        elif core_stream.name == TOPICS_STREAM:
            self._on_topics(core_stream)
        elif not (self.bus.calls or self.bus.begun or self.bus.answers):
            core_stream.reset(NO_SUCH_SERVICE)
        else:
            from dsoftbus_aio.services.answering import answer  # which is there: it has handlers

            answer(self, core_stream)

    def _on_topics(self, core_stream: "Any") -> None:
        """The peer would subscribe: now, or as soon as there is something to publish."""
        if self.subscribed is not None and not self.subscribed.over:
            core_stream.reset(STREAM_LIMIT)
            return
        self.subscribed = core_stream
        if self.bus.publishing is not None:
            self.bus.publishing.serve(self, core_stream)
        elif self.bus.answers:
            self.bus.begin_publishing()

    def _wrapped(self, stream: "Stream") -> BusStream:
        if stream.kind == KIND_MESSAGES:
            from dsoftbus_aio.message_stream import BusMessageStream  # as it says

            return BusMessageStream(self, stream)
        return BusStream(self, stream)

    def _offer(self, stream: BusStream) -> None:
        """Keeps it for accept(). Those that the peer has reset since make room."""
        if len(self._incoming) >= self.session.local.profile.streams:
            self._incoming = [other for other in self._incoming if not other.ended]
        self._incoming.append(stream)
        self._changed.set()
