"""Cards: what nodes of a group say of themselves, sealed, and kept by the broker for others.

Also the clock of a group, which is sealed alike.
"""

from struct import pack, unpack_from

from dsoftbus.broker.drops import EXPIRED, MALFORMED, NOT_FROM_GROUP, WRONG_SLOT, Drops
from dsoftbus.broker.group import NAME_BYTES
from dsoftbus.identity import BASE32, base32

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.broker.group import Epoch, Group, Mac
    from dsoftbus.contracts import Aead, Data, Random

    Cipher = Callable[[Data], Aead]


CARD = 2
CLOCK = 3
CARD_LIFETIME_S = 600  # until it expires: as long as an announcement may hold
RENEWALS = 3  # in each lifetime
AHEAD_MAX_S = 3600  # a card that would last longer is none
FOR_EVER_S = 0xFFFFFFFF  # the expiry of goodbyes: a will is published at any time
CLOCK_MS = 3600000  # between two announcements of the time
CARD_MAX = 1 + 12 + 1280 + 16
_NONCE = 12
_TAG = 16
_STEP = 256
_HEAD = 6  # expiry, length
_PLAIN_MAX = 1280
_NAME_CHARS = 16
_CLOCK_AD = b"clock"


class Cards:
    """Makes cards, and reads those of others. `cipher(key)` is a suite's, ChaCha20-Poly1305;
    `drops` counts what is refused."""

    def __init__(self, group: "Group", cipher: "Cipher", random: "Random") -> None:
        self.group = group
        self.drops = Drops()
        self._cipher = cipher
        self._random = random

    # Cards

    def card(
        self, device: str, packet: bytes, lifetime_s: int, unix_s: int
    ) -> "tuple[str, bytes]":
        """The topic and the payload of a card with the announcement `packet` of `device`, which
        holds for `lifetime_s`; 0 makes a goodbye, or a will."""
        epoch = self.group.at(unix_s)
        slot = epoch.slot(device)
        expiry = unix_s + lifetime_s if lifetime_s else FOR_EVER_S
        plain = pack(">IH", expiry, len(packet)) + packet
        plain += bytes(-len(plain) % _STEP)
        return epoch.card_topic(slot), self._seal(CARD, epoch.card_key, slot, plain)

    def topics(self, unix_s: int) -> "list[str]":
        """The filters of all cards: those to be subscribed to at this time."""
        return [epoch.cards + "/+" for epoch in self.group.around(unix_s)]

    def open(self, topic: str, data: "Data", unix_s: int) -> "tuple[bytes, int] | None":
        """(announcement, s for which it holds) of a card, or None for what is dropped. A
        goodbye has the time 0; `is_of` tells whose slot it lies in."""
        epoch, slot = self._slot(topic, unix_s)
        if epoch is None or data[:1] != bytes((CARD,)) or not self._fits(data, _PLAIN_MAX):
            self.drops.add(MALFORMED)
            return None
        plain = self._open(epoch.card_key, slot, data)
        if not plain:
            self.drops.add(NOT_FROM_GROUP)
            return None
        expiry, n = unpack_from(">IH", plain)
        left_s = 0 if expiry == FOR_EVER_S else expiry - unix_s
        if n > len(plain) - _HEAD or left_s > AHEAD_MAX_S:
            self.drops.add(MALFORMED)
            return None
        if expiry != FOR_EVER_S and left_s <= 0:
            self.drops.add(EXPIRED)
            return None
        return plain[_HEAD : _HEAD + n], left_s

    def is_of(self, topic: str, device: str, unix_s: int) -> bool:
        """Tells whether the card at `topic` lies in the slot of `device`; else it is counted."""
        epoch, slot = self._slot(topic, unix_s)
        if epoch is not None and slot == epoch.slot(device):
            return True
        self.drops.add(WRONG_SLOT)
        return False

    def _slot(self, topic: str, unix_s: int) -> "tuple[Epoch | None, bytes]":
        """The epoch and the slot (10 bytes) that a topic names, or (None, b"")."""
        for epoch in self.group.around(unix_s):
            start = len(epoch.cards) + 1
            if topic[:start] == epoch.cards + "/":
                slot = _from_base32(topic[start:])
                return (epoch if slot else None), slot
        return None, b""

    # The clock

    def seal_clock(self, unix_s: int) -> bytes:
        """The payload of the group's clock."""
        return self._seal(CLOCK, self.group.clock_key, _CLOCK_AD, pack(">I", unix_s))

    def open_clock(self, data: "Data") -> int | None:
        """The time, s since 1970, that a payload has, or None for what is dropped."""
        if data[:1] != bytes((CLOCK,)) or len(data) != 1 + _NONCE + 4 + _TAG:
            self.drops.add(MALFORMED)
            return None
        plain = self._open(self.group.clock_key, _CLOCK_AD, data)
        if not plain:
            self.drops.add(NOT_FROM_GROUP)
            return None
        found: int = unpack_from(">I", plain)[0]
        return found

    # Both

    def _fits(self, data: "Data", most: int) -> bool:
        size = len(data) - 1 - _NONCE - _TAG
        return 0 < size <= most and not size % _STEP

    def _seal(self, kind: int, key: "Mac", ad: bytes, plain: bytes) -> bytes:
        """Each has a key of its own, so that random nonces may be as long as they like."""
        nonce = self._random(_NONCE)
        out = bytearray(1 + _NONCE + len(plain) + _TAG)
        out[0] = kind
        out[1 : 1 + _NONCE] = nonce
        cipher = self._cipher(key.digest(nonce))
        cipher.seal(0, ad, plain, 0, len(plain), out, 1 + _NONCE)
        return bytes(out)

    def _open(self, key: "Mac", ad: bytes, data: "Data") -> bytes:
        """The plaintext, or b"" where it does not open."""
        data = bytes(data)
        out = bytearray(len(data))
        cipher = self._cipher(key.digest(data[1 : 1 + _NONCE]))
        stop = cipher.open(0, ad, data, 1 + _NONCE, len(data), out, 0)
        return bytes(out[:stop]) if stop > 0 else b""


def _from_base32(chars: str) -> bytes:
    """The ten bytes that 16 characters name, or b""."""
    if len(chars) != _NAME_CHARS:
        return b""
    bits = 0
    for char in chars:
        bits = bits << 5 | max(BASE32.find(char), 0)
    found = bits.to_bytes(NAME_BYTES, "big")
    return found if base32(found) == chars else b""
