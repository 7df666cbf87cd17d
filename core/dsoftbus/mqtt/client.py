"""One client of an MQTT broker, at QoS 0: bytes in, bytes out, and no waiting.

A driver calls `begin` when its link is there and moves bytes: from the link to `space()`, which it
tells of by `filled`, and from `output()` to the link, which it tells of by `written`. It takes
`next_event` until that is NOTHING. Both buffers are made once and never grow: a message that the
incoming one cannot hold is skipped and counted, and what the outgoing one cannot hold is refused.
A broker that breaks the protocol ends the connection, `why` says how.
"""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


from dsoftbus.mqtt import packets

if False:  # for types
    from collections.abc import Sequence

    from dsoftbus.contracts import Data, Deadline


# Events
NOTHING = const(0)
OPENED = const(1)  # the broker has taken this client
MESSAGE = const(2)  # `topic`, and `buffer[at:stop]`, until the next event is asked for
REFUSED = const(3)  # the broker refuses a subscription
ENDED = const(4)  # `why` says how
# States
_IDLE = const(0)
_GREETING = const(1)
_OPEN = const(2)
_ENDED = const(3)
BUFFER_BYTES = const(1408)  # a card of 1309 bytes or a letter of 1223, with topic and header
KEEPALIVE_S = const(60)
_PING_MS = const(45000)  # a broker ends who was silent for 1.5 times the keepalive
_ANSWER_MS = const(15000)
_GREETING_MS = const(30000)  # a handshake of TLS is in it, which takes a board seconds
_NUMBER_MAX = const(0xFFFF)
_NOT_GRANTED = const(0x80)
_GREETS = const(0x20)  # the first byte of CONNACK
_MORE = const(0x80)  # in a byte of the remaining length
_WORDS = (
    "",
    "the broker does not speak MQTT 3.1.1",
    "the broker refuses the client's identifier",
    "the broker is not available",
    "the broker refuses the user name or the password",
    "the broker refuses this user",
)


class MqttClient:
    """`skipped` counts messages that were too large, `refused` the subscriptions that were not
    granted. `in_bytes`, `out_bytes` are the sizes of the buffers."""

    def __init__(self, in_bytes: int = BUFFER_BYTES, out_bytes: int = 2 * BUFFER_BYTES) -> None:
        self.buffer = bytearray(in_bytes)
        self.topic = b""
        self.at = 0
        self.stop = 0
        self.why = ""
        self.skipped = 0
        self.refused = 0
        self._state = _IDLE
        self._told = True  # of the end
        self._first = 0  # what has come and was not looked at is buffer[_first:_last]
        self._last = 0
        self._skip = 0  # bytes that are still to come of a packet that is too large
        self._out = bytearray(out_bytes)
        self._out_at = 0  # what the link has not taken is _out[_out_at:_out_stop]
        self._out_stop = 0
        self._number = 0
        self._due = 0  # a ping, or the end
        self._asked = False  # something has to be heard until `_due`

    # Commands

    def begin(
        self,
        now: int,
        client: bytes,
        user: bytes = b"",
        password: bytes = b"",
        will: "packets.Will | None" = None,
    ) -> None:
        """A link is there: says CONNECT on it. Nothing is left of the link before."""
        self._first = self._last = self._skip = 0
        self._out_at = self._out_stop = 0
        self.why = ""
        self._told = False
        self._state = _GREETING
        self._asked = True
        self._due = now + _GREETING_MS
        if not self._say(packets.connect(client, KEEPALIVE_S, user, password, will)):
            self._end("CONNECT is larger than the buffer")

    def publish(self, topic: bytes, payload: "Data", size: int = -1, retain: bool = False) -> bool:
        """Publishes `payload[:size]`; False where there is no room for it now, or no broker."""
        if self._state != _OPEN:
            return False
        if size < 0:
            size = len(payload)
        if not self._make_room(packets.publish_bytes(topic, size)):
            return False
        at = self._out_stop
        self._out_stop = packets.put_publish(self._out, at, topic, payload, size, retain)
        return True

    def subscribe(self, filters: "Sequence[bytes]") -> bool:
        """Asks for messages of these topics; False as `publish`."""
        self._number = self._number % _NUMBER_MAX + 1
        return self._state == _OPEN and self._say(packets.subscribe(self._number, filters))

    def unsubscribe(self, filters: "Sequence[bytes]") -> bool:
        """Asks for none of these topics any more; False as `publish`."""
        self._number = self._number % _NUMBER_MAX + 1
        return self._state == _OPEN and self._say(packets.unsubscribe(self._number, filters))

    def close(self) -> None:
        """Takes leave: the broker forgets the will. Nothing follows what `output` has then."""
        if self._state == _OPEN:
            self._say(packets.empty(packets.DISCONNECT))
        self._told = True
        self._state = _ENDED

    # Inputs

    def space(self) -> memoryview:
        """The place that the link may read to; not empty once `next_event` gave NOTHING."""
        if self._first == self._last:
            self._first = self._last = 0
        elif self._first and self._last == len(self.buffer):
            left = self._last - self._first
            self.buffer[:left] = self.buffer[self._first : self._last]
            self._first, self._last = 0, left
        return memoryview(self.buffer)[self._last :]

    def filled(self, n: int, now: int) -> None:
        """The link has brought `n` bytes to `space()`."""
        self._last += n
        if self._state not in (_GREETING, _OPEN):
            self._first = self._last = 0  # after the end nobody looks at it
        if self._asked and self._state == _OPEN and n:
            self._asked = False
            self._due = now + _PING_MS

    def link_lost(self, why: str) -> None:
        """The link has ended."""
        self._end(why)

    def handle_timer(self, now: int) -> None:
        """Asks for a sign of life when that is due, and ends the connection without one."""
        if self._state not in (_GREETING, _OPEN) or now < self._due:
            return
        if self._asked:
            self._end("the broker does not answer")
        elif self._say(packets.empty(packets.PINGREQ)):
            self._asked = True
            self._due = now + _ANSWER_MS
        else:
            self._end("the broker takes nothing")

    # Outputs

    def output(self) -> "tuple[bytearray, int, int]":
        """The bytes that the link is to write, buffer[from:to], as (buffer, from, to)."""
        return self._out, self._out_at, self._out_stop

    def written(self, n: int) -> None:
        """The link has taken `n` bytes of `output()`."""
        self._out_at += n
        if self._out_at == self._out_stop:
            self._out_at = self._out_stop = 0

    def poll_timer(self) -> "Deadline":
        """The next deadline in ms, or None."""
        return self._due if self._state in (_GREETING, _OPEN) else None

    def next_event(self, now: int) -> int:
        """The oldest event that was not told: OPENED, MESSAGE, REFUSED, ENDED, or NOTHING."""
        event = NOTHING
        while event == NOTHING and self._state in (_GREETING, _OPEN) and self._has_packet():
            event = self._packet(now)
        if event == NOTHING and not self._told and self._state == _ENDED:
            self._told = True
            return ENDED
        return event

    @property
    def is_open(self) -> bool:
        """Tells whether the broker has taken this client, and the connection lives."""
        return self._state == _OPEN

    # Packets that come

    def _has_packet(self) -> bool:
        """Finds the next whole packet: `at` is behind its header, `stop` its end. One that the
        buffer cannot hold is skipped."""
        if self._skip:
            n = min(self._skip, self._last - self._first)
            self._first += n
            self._skip -= n
        at, left = self._first + 1, 0
        if at <= self._last and self._state == _GREETING and self.buffer[at - 1] != _GREETS:
            self._end("malformed: no CONNACK")
            return False
        for shift in range(0, 7 * packets.LENGTH_BYTES, 7):
            if at >= self._last:
                return False
            digit = self.buffer[at]
            left |= (digit & ~_MORE) << shift
            at += 1
            if digit < _MORE:
                return self._holds(at, left)
        self._end("malformed: the length of a packet")
        return False

    def _holds(self, at: int, left: int) -> bool:
        if at - self._first + left > len(self.buffer):
            if self.buffer[self._first] >> 4 != packets.PUBLISH:
                self._end("malformed: a packet that is too large")
                return False
            self.skipped += 1
            self._skip = at + left - self._first
            return self._has_packet()
        self.at = at
        self.stop = at + left
        return self.stop <= self._last

    def _packet(self, now: int) -> int:
        head = self.buffer[self._first]
        self._first = self.stop
        kind, flags = head >> 4, head & 0xF
        if self._state == _GREETING:
            return self._on_connack(now)
        if kind == packets.PUBLISH:
            return self._on_publish(flags)
        if not flags and kind == packets.SUBACK:
            return self._on_suback()
        size = self.stop - self.at
        if flags or (kind, size) not in ((packets.PINGRESP, 0), (packets.UNSUBACK, 2)):
            return self._malformed("a packet of kind %d with %d bytes" % (head, size))
        return NOTHING

    def _on_connack(self, now: int) -> int:
        if self.stop - self.at != 2 or self.buffer[self.at]:  # no session can be there
            return self._malformed("CONNACK")
        code = self.buffer[self.at + 1]
        if code:
            self._end(_WORDS[code] if code < len(_WORDS) else "refused with code %d" % code)
            return NOTHING
        self._state = _OPEN
        self._asked = False
        self._due = now + _PING_MS
        return OPENED

    def _on_publish(self, flags: int) -> int:
        at = self.at + 2
        if flags & ~packets.RETAIN or at > self.stop:
            return self._malformed("PUBLISH beyond QoS 0")
        end = at + (self.buffer[at - 2] << 8 | self.buffer[at - 1])
        if not at < end <= self.stop:
            return self._malformed("the topic of a PUBLISH")
        self.topic = bytes(memoryview(self.buffer)[at:end])
        self.at = end
        return MESSAGE

    def _on_suback(self) -> int:
        if self.stop - self.at < 3:
            return self._malformed("SUBACK")
        refused = 0
        for at in range(self.at + 2, self.stop):
            if self.buffer[at] == _NOT_GRANTED:
                refused += 1
            elif self.buffer[at]:  # nobody asked for more than QoS 0
                return self._malformed("SUBACK")
        self.refused += refused
        return REFUSED if refused else NOTHING

    def _malformed(self, what: str) -> int:
        self._end("malformed: " + what)
        return NOTHING

    # Ours

    def _end(self, why: str) -> None:
        if self._state != _ENDED:
            self._state = _ENDED
            self.why = why
            self._first = self._last = 0
            self._out_at = self._out_stop = 0

    def _say(self, packet: bytes) -> bool:
        if not self._make_room(len(packet)):
            return False
        end = self._out_stop + len(packet)
        self._out[self._out_stop : end] = packet
        self._out_stop = end
        return True

    def _make_room(self, n: int) -> bool:
        left = self._out_stop - self._out_at
        if left + n > len(self._out):
            return False
        if self._out_stop + n > len(self._out):
            self._out[:left] = self._out[self._out_at : self._out_stop]
            self._out_at, self._out_stop = 0, left
        return True
