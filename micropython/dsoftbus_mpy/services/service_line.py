"""A service in a bare loop: the streams that carry it, and the machines that speak over them."""

from dsoftbus.const import EV_OPENED, KIND_MESSAGES
from dsoftbus.errors import STREAM_KIND_MISMATCH, STREAM_LIMIT, BusError


class ServiceLine:
    """`tell(machine, session)`, where there is one, hands out what the machine has to tell."""

    def __init__(self, session, stream, machine, tell=None):
        self.session = session
        self.stream = stream
        self.machine = machine
        self._tell = tell
        stream.context = self

    def turn(self) -> None:
        """Reads what has come, and lets answers leave."""
        try:
            while self._read():
                self.send()
            self.send()
        except BusError as error:
            self.stream.reset(error.code)
        if self.stream.over:
            self.machine.end()

    def send(self) -> None:
        """Lends the stream what it has room for, which leaves with the loop's turn."""
        stream = self.stream
        message = self._message()
        while message is not None and stream.send_message(message):
            self.machine.sent(message)
            message = self._message()

    def _message(self):
        stream = self.stream
        if stream.over or stream.max_message < 0:
            return None
        return self.machine.message(stream.max_message)

    def _read(self) -> bool:
        """Takes one message, where there is one and the machine has room."""
        message = self.stream.recv_message() if self.machine.room else None
        if message is None:
            return False
        self.machine.receive(message, 0)  # no answer takes time here
        if self._tell is not None:
            self._tell(self.machine, self.session)
        return True


class Service:
    """The base of answers and publications: the streams that peers open under one name."""

    def __init__(self, name: str):
        self._name = name
        self._lines = []  # one of a session

    def on_event(self, session, event) -> bool:
        """Takes an event of a loop; returns whether it was of this service, and so is done."""
        stream = event.stream
        if stream is None:
            return False
        if event.kind == EV_OPENED and stream.name == self._name:
            self._on_opened(session, stream)
            return True
        for line in self._lines:
            if line.stream is stream:
                line.turn()
                if stream.over:
                    self._lines.remove(line)
                return True
        return False

    def _on_opened(self, session, stream) -> None:
        if stream.kind != KIND_MESSAGES:
            stream.reset(STREAM_KIND_MISMATCH)
        elif any(line.session is session for line in self._lines):
            stream.reset(STREAM_LIMIT)
        else:
            self._lines.append(self._line(session, stream))
            stream.accept()

    def _line(self, session, stream) -> ServiceLine:
        raise NotImplementedError
