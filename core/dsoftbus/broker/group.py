"""A group: a secret that its nodes share, and the names and keys that it gives to each day.

Everything here is derived: who has the secret has it all, and others have nothing of it.
"""

from hashlib import sha256
from struct import pack

from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus.identity import base32

SECRET_BYTES = 32
NAME_BYTES = 10  # of an inbox, a slot, a level: 16 characters in a topic
EPOCH_S = 86400
KEPT = 4  # epochs whose keys are at hand: those of three days, and a new one at midnight
PREFIX = "b"
_DOMAIN = b"dsoftbus-group-1"
_INBOXES = 1
_CARDS = 2
_LETTER_KEY = 3
_CARD_KEY = 4
_INBOX_KEY = 5
_SLOT_KEY = 6
_CLOCK = 7
_CLOCK_KEY = 8
_BLOCK = 64


class Mac:
    """HMAC-SHA256 (RFC 2104) under `key` of at most 64 bytes, over data in parts."""

    def __init__(self, key: bytes) -> None:
        block = key + bytes(_BLOCK - len(key))
        self._inner = bytes([byte ^ 0x36 for byte in block])
        self._outer = bytes([byte ^ 0x5C for byte in block])

    def begin(self) -> "sha256":
        """A hash that takes the data by `update`, for `end`."""
        return sha256(self._inner)

    def end(self, begun: "sha256") -> bytes:
        """The code, 32 bytes, of what `begun` was given."""
        return sha256(self._outer + begun.digest()).digest()

    def digest(self, data: bytes) -> bytes:
        """The code, 32 bytes, of `data`."""
        return sha256(self._outer + sha256(self._inner + data).digest()).digest()


class Epoch:
    """The names and keys of a group on one day: `number` is its count of days since 1970."""

    def __init__(self, group: "Group", number: int) -> None:
        self.number = number
        self.inboxes = group.level(_INBOXES, number)
        self.cards = group.level(_CARDS, number)
        self.letters = Mac(group.key(_LETTER_KEY, number))
        self.card_key = Mac(group.key(_CARD_KEY, number))
        self._inbox_names = Mac(group.key(_INBOX_KEY, number))
        self._slot_names = Mac(group.key(_SLOT_KEY, number))

    def inbox(self, device: str) -> bytes:
        """The inbox of the node with this id, 10 bytes."""
        return self._inbox_names.digest(device.encode())[:NAME_BYTES]

    def slot(self, device: str) -> bytes:
        """The slot of its card, 10 bytes."""
        return self._slot_names.digest(device.encode())[:NAME_BYTES]

    def inbox_topic(self, inbox: bytes) -> str:
        """The topic of letters to `inbox`."""
        return self.inboxes + "/" + base32(inbox)

    def card_topic(self, slot: bytes) -> str:
        """The topic of the card in `slot`."""
        return self.cards + "/" + base32(slot)


class Group:
    """`secret` is 32 bytes; `prefix` the first level of its topics, `broker` the broker's URL and
    `name` what people call it here. Raises LocalError(BAD_ARGUMENT) for what is none."""

    def __init__(
        self, secret: bytes, name: str = "", broker: str = "", prefix: str = PREFIX
    ) -> None:
        if len(secret) != SECRET_BYTES:
            raise LocalError(BAD_ARGUMENT, "secret of 32 bytes")
        if not prefix or "+" in prefix or "#" in prefix or "\0" in prefix or prefix[0] == "$":
            raise LocalError(BAD_ARGUMENT, "a topic without + and #")
        self.name = name
        self.broker = broker
        self.prefix = prefix
        self.secret = secret
        self._mac = Mac(secret)
        self._epochs: dict[int, Epoch] = {}
        self.clock_topic = self.level(_CLOCK, 0)
        self.clock_key = Mac(self.key(_CLOCK_KEY, 0))

    def epoch(self, number: int) -> Epoch:
        """The epoch of this number; of many, those far from it are forgotten."""
        found = self._epochs.get(number)
        if found is None:
            while len(self._epochs) >= KEPT:
                far = max(self._epochs, key=lambda other: abs(other - number))
                self._epochs.pop(far)
            found = self._epochs[number] = Epoch(self, number)
        return found

    def at(self, unix_s: int) -> Epoch:
        """The epoch of a time, s since 1970."""
        return self.epoch(unix_s // EPOCH_S)

    def around(self, unix_s: int) -> "tuple[Epoch, Epoch, Epoch]":
        """The epochs before, of and after a time: those that a node listens to then."""
        number = unix_s // EPOCH_S
        return self.epoch(number - 1), self.epoch(number), self.epoch(number + 1)

    def key(self, label: int, number: int) -> bytes:
        """`K(label, epoch)` of docs/broker.md, 32 bytes."""
        return self._mac.digest(_DOMAIN + pack(">BI", label, number))

    def level(self, label: int, number: int) -> str:
        """The topic, of two levels, that `K(label, epoch)` names."""
        return self.prefix + "/" + base32(self.key(label, number)[:NAME_BYTES])


def same(one: bytes, other: bytes) -> bool:
    """Compares codes of equal length without telling, by its time, where they differ."""
    different = 0
    for a, b in zip(one, other):
        different |= a ^ b
    return different == 0
