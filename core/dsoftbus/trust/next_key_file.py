"""The plan of a change of the node's key, kept beside its key file while it is under way.

    a key file with the next secret (dsoftbus.base.key_file)
    GRACE LEFT NOTED TOLD CHECK

GRACE and LEFT are in s of this node's running time, NOTED in s since 1970 by its clock, TOLD the
beginnings of the ids of the peers that were told, with a comma between, or `-`; CHECK is the first
8 bytes of SHA-256 over all before it. Older plans have `GRACE DUE CHECK`: they restart.

Clocks jump: one that begins in 1970 and is set later, or is ahead for a moment, must not change a
key that no peer knows. So the grace is what the node has run; the calendar only helps where every
trusted peer was told, and little for each start.
"""

import hashlib
from binascii import hexlify

from dsoftbus.base.key_file import KEY_FILE_BYTES, decode_secret, encode_secret
from dsoftbus.errors import KEY_FILE, LocalError

if False:  # for types
    from collections.abc import Collection, Iterable


_TOLD_CHARS = 10  # of an id: 50 bits, and all that a mistake does is to count a day
_TOLD_MAX = 1024
TEXT_MAX = KEY_FILE_BYTES + 96 + (_TOLD_CHARS + 1) * _TOLD_MAX  # three numbers, and the check
_OFF_MAX_S = 86400  # of the time between two starts, and not more than
_OFF_PARTS = 4  # this part of the grace: no single jump of a clock ends it
_NOTES = 48  # writes in a grace
_NOTE_MIN_S = 10
_NOTE_MAX_S = 3600


class Plan:
    """A change of key that is under way; times in s."""

    def __init__(self, secret: bytes, grace_s: int, noted_s: int) -> None:
        self.secret = secret
        self.grace_s = grace_s
        self.left_s = grace_s
        self.noted_s = noted_s
        self.told: list[str] = []  # beginnings of ids, sorted

    def encode(self) -> bytes:
        told = ",".join(self.told) or "-"
        numbers = (self.grace_s, self.left_s, self.noted_s, told)
        body = encode_secret(self.secret) + ("%d %d %d %s " % numbers).encode()
        return body + _check(body)

    def start(self, trusted: "Collection[str]", today_s: int) -> None:
        """The node starts; `trusted` are the ids of the peers that it trusts.

        The calendar time since the last note counts where all of them were told, up to a quarter
        of the grace and a day. The end itself is left to a node that runs.
        """
        off_s = min(today_s - self.noted_s, self.grace_s // _OFF_PARTS, _OFF_MAX_S)
        if off_s > 0 and trusted and not [d for d in trusted if d[:_TOLD_CHARS] not in self.told]:
            self.left_s = max(self.left_s - off_s, 1)
        self.noted_s = today_s

    def note(self, left_s: int, told: "Iterable[str]", today_s: int, last: bool = False) -> bool:
        """The node has run; `told` are the ids of peers that were told. True when it is worth a
        write: a part of the grace has passed, somebody new was told, or it is the `last` time."""
        known = set(self.told)
        known.update([device[:_TOLD_CHARS] for device in told])
        step_s = 1 if last else min(max(self.grace_s // _NOTES, _NOTE_MIN_S), _NOTE_MAX_S)
        worth = self.left_s - left_s >= step_s or len(known) > len(self.told)
        if worth:
            self.left_s = min(left_s, self.left_s)
            self.noted_s = today_s
            self.told = sorted(known)[:_TOLD_MAX]
        return worth


def decode(data: bytes) -> Plan:
    """The plan in a file, or LocalError(KEY_FILE)."""
    cut = data.rfind(b" ") + 1
    body = data[:cut]
    if data[cut:] != _check(body):
        raise LocalError(KEY_FILE, "next key: damaged, or cut short")
    try:
        return _parsed(
            decode_secret(body[:KEY_FILE_BYTES]), body[KEY_FILE_BYTES:].decode().split()
        )
    except (ValueError, IndexError):  # a check proves only that nothing was lost
        raise LocalError(KEY_FILE, "next key: not as it was written")


def _parsed(secret: bytes, words: list[str]) -> Plan:
    plan = Plan(secret, int(words[0]), 0)
    if len(words) == 4:
        plan.left_s, plan.noted_s = int(words[1]), int(words[2])
        plan.told = words[3].split(",") if words[3] != "-" else []
    return plan


def _check(body: bytes) -> bytes:
    return hexlify(hashlib.sha256(body).digest()[:8]) + b"\n"
