"""One stream of a service, and the machine that speaks over it. Programs without services do not
load this."""

from dsoftbus.errors import END_NO_MEMORY, BusError, LocalError

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.mux.message_stream import MessageStream
    from dsoftbus_aio.connection import Connection


class ServiceLine:
    """`machine` has `room`, `receive`, `message` and `sent`; a subclass hands out its events."""

    def __init__(self, connection: "Connection", stream: "MessageStream", machine: "Any") -> None:
        self.connection = connection
        self.machine = machine
        self.ended = False
        self._stream = stream
        self._moving = False
        self._again = False  # something has come while this moved
        self._full = False  # the stream takes nothing now, and will say when it does
        stream.context = self

    def notify(self, _kind: int) -> None:
        """An event of the core's stream."""
        self._full = False
        self.turn()

    def turn(self) -> None:
        """Reads what has come, tells programs, and sends what can leave."""
        self._again = True
        if self._moving:
            return  # it is here already, further out
        self._moving = True
        try:
            while self._again:
                self._again = False
                self._read()
                self._tell()
                self._write()
        except BusError as error:
            self.fail(error.code)
        finally:
            self._moving = False
        if self._stream.over and not self.ended:
            self.ended = True
            self._end(self._stream.code)
            self._tell()

    def fail(self, code: int) -> None:
        """The peer broke the rules of this service, or memory is lacking: its stream ends, and
        nothing else."""
        self._stream.reset(code)
        self.connection.turn()

    def _read(self) -> None:
        """Takes what has come, as long as the machine has room."""
        ring = self._stream.ring
        if not ring.used:
            return  # most turns follow a program's command
        machine = self.machine
        now = self.connection.runtime.now()
        while ring.used and machine.room:
            message = self._stream.recv_message()
            if message is None:
                break
            try:
                machine.receive(message, now)
            except MemoryError:  # the message is gone: what it said must not be forgotten
                raise LocalError(END_NO_MEMORY) from None
        self.connection.turn_if_owed()

    def _write(self) -> None:
        """Sends what there is room for; each message turns the connection, to make room."""
        stream = self._stream
        machine = self.machine
        if self._full or stream.max_message < 0:
            return
        message = machine.message(stream.max_message)
        while message is not None and not stream.over:
            if not stream.send_message(message):
                self._full = True
                return
            machine.sent(message)
            self._again = self._again or stream.ring.used > 0  # it may have waited for room
            self.connection.turn()
            message = machine.message(stream.max_message)

    def _tell(self) -> None:
        """Hands out the machine's events."""
        raise NotImplementedError

    def _end(self, code: int) -> None:
        """The stream or its session has ended; `code` says why."""
        raise NotImplementedError
