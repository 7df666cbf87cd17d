"""A broker as a datagram link: letters of a group over one connection, which comes and goes.

While there is none, datagrams get lost, as on a network that is away; nothing is queued but what
the client's own buffer holds.
"""

import errno
import time

from dsoftbus.broker.drops import TOO_OLD
from dsoftbus.broker.letters import LETTER_HEAD, LETTER_MAX, LETTER_MTU
from dsoftbus.mqtt.client import ENDED, MESSAGE, NOTHING, MqttClient

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


LETTER = const(16)  # an event beside the client's: `recvfrom_into` has a datagram
_TIME_AT = const(1)
_SET_S = 1767225600  # 2026: a clock that says less was never set
# Ports count from 1970 or from 2000.
_EPOCH_S = 946684800 if time.gmtime(0)[0] == 2000 else 0


class BrokerLink:
    """`letters` are those of this node; `times` is a GroupClock, `now()` gives ms. A driver takes
    `next_event` until that is NOTHING; of a MESSAGE that is no letter, `client` has the topic and
    the payload."""

    mtu = LETTER_MTU

    def __init__(self, letters, times, now):
        self.client = MqttClient()
        self.letters = letters
        self.times = times
        self._now = now
        self._link = None  # the TcpLink of the connection, while there is one
        self._letter = bytearray(LETTER_MAX)
        self._path = None  # where the letter in the client's buffer came from
        self._last = (b"", b"")  # path and topic of the last letter that was sent

    # The connection

    @property
    def waits_for(self):
        """The socket, or None."""
        return self._link and self._link.waits_for

    def open(self, link, name: bytes, user: bytes, password: bytes, will) -> None:
        """`link` is a TcpLink to the broker, which may still be `connecting`."""
        self._link = link
        self.client.begin(self._now(), name, user, password, will)

    def writable(self) -> None:
        """The socket takes bytes: the connection is there, or has failed."""
        if self._link is not None:
            self._link.connecting = False

    @property
    def has_output(self) -> bool:
        """Tells whether there is something that the broker has not taken."""
        _, at, stop = self.client.output()
        return at < stop

    def close(self) -> None:
        """Ends the connection, in order where the broker takes the last words now."""
        self.client.close()
        self.flush()
        self._drop()

    def next_event(self) -> int:
        """NOTHING, LETTER, or an event of the client's. Reads once at most."""
        now = self._now()
        event = self.client.next_event(now)
        if event == NOTHING and self._read(now):
            event = self.client.next_event(now)
        if event == ENDED:
            self._drop()
        elif event == MESSAGE and self._is_letter(now):
            return LETTER
        return event

    def flush(self) -> None:
        """Writes what the broker takes now."""
        buffer, at, stop = self.client.output()
        while at < stop and self._link is not None and not self._link.connecting:
            try:
                n = self._link.write(buffer, at, stop)
            except OSError as error:
                self._lost(error)
                return
            if not n:
                return
            self.client.written(n)
            at += n

    def _read(self, now: int) -> bool:
        if self._link is None or self._link.connecting:
            return False
        try:
            n = self._link.readinto(self.client.space())
        except OSError as error:
            self._lost(error)
            return True
        if n is None:
            return False
        if n:
            self.client.filled(n, now)
        else:
            self.client.link_lost("the broker has ended the connection")
        return True

    def _lost(self, error) -> None:
        self.client.link_lost("no connection to the broker: " + repr(error))

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    # Letters

    def _is_letter(self, now: int) -> bool:
        """Returns whether the message is a good letter to this node; one that is not is left to
        the driver, which knows the other topics."""
        client, letters = self.client, self.letters
        unix_s = self.times.now_s()
        topic = text(client.topic)
        if not unix_s or topic not in letters.topics(unix_s):
            return False
        old = letters.drops.count[TOO_OLD]
        self._path = letters.open(topic, client.buffer, client.at, client.stop, unix_s, now)
        if letters.drops.count[TOO_OLD] != old and self.times.learn(self._sent_s()):
            # Its code was good: the group knows the time better than this board.
            self._path = letters.open(
                topic, client.buffer, client.at, client.stop, self.times.now_s(), now
            )
        return self._path is not None

    def _sent_s(self) -> int:
        at = self.client.at + _TIME_AT
        return int.from_bytes(self.client.buffer[at : at + 4], "big")

    def recvfrom_into(self, buffer):
        """(n, path) of the datagram that LETTER spoke of, once; else None."""
        path, self._path = self._path, None
        if path is None:
            return None
        at = self.client.at + LETTER_HEAD
        n = self.client.stop - at
        buffer[:n] = memoryview(self.client.buffer)[at : at + n]
        return n, path

    def sendto(self, buffer, n: int, path) -> bool:
        """Returns False while the broker takes nothing; raises OSError where there is none."""
        unix_s = self.times.now_s()
        if not self.client.is_open or not unix_s:
            raise OSError(errno.ENOTCONN)
        topic = self._topic(path, unix_s)
        stop = self.letters.seal(self._letter, 0, buffer, n, path, unix_s) if topic else 0
        if stop and not self.client.publish(topic, self._letter, stop):
            return False
        self.flush()
        return True

    def _topic(self, path: bytes, unix_s: int) -> bytes:
        if self._last[0] != path:
            self._last = path, self.letters.topic_to(path, unix_s).encode()
        return self._last[1]


class GroupClock:
    """The time, s since 1970: of the board's own clock where that is set, else what the group has
    said. `now()` gives ms."""

    def __init__(self, now):
        self._now = now
        self._offset_s = 0  # of the group's time to `now`

    @property
    def is_set(self) -> bool:
        """Tells whether the board's own clock is set."""
        return own_s() > 0

    def now_s(self) -> int:
        """The time, or 0 where nobody has said it yet."""
        if self.is_set:
            return own_s()
        return self._offset_s and self._offset_s + self._now() // 1000

    def learn(self, unix_s: int) -> bool:
        """Somebody of the group says this time; returns whether it is taken: it never goes back,
        and nothing is learned where the board's own clock is set."""
        if self.is_set or unix_s <= self.now_s():
            return False
        self._offset_s = unix_s - self._now() // 1000
        return True


def own_s() -> int:
    """The time of the board's own clock, s since 1970; 0 for one that was never set."""
    unix_s = int(time.time()) + _EPOCH_S
    return unix_s if unix_s >= _SET_S else 0


def text(topic: bytes) -> str:
    """The topic as text; "" for one that is none."""
    try:
        return topic.decode()
    except UnicodeError:
        return ""
