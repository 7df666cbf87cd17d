"""The bytes in which tickets outlive a restart.

    "DBT1" | owner (8 bytes) | count u16 | count records | check (8 bytes)

A record: `role` u8 (1 kept, 2 taken) | `mode` u8 | `suite` u8 | `left` u16 | `left_s` u32 | peer's
key, 32 bytes | secret, 32 bytes | access mark, 8 bytes. `owner` is the beginning of the SHA-256 of
the node's own key, `check` that of all before it: other bytes, or those of another node, hold no
tickets, and cost a full handshake each.
"""

from hashlib import sha256

from dsoftbus.base.codec import Reader, put_u16, put_u32
from dsoftbus.const import KEY_BYTES, U30_MAX
from dsoftbus.errors import PeerError
from dsoftbus.resume.access import MARK_BYTES
from dsoftbus.resume.ticket import Ticket

if False:  # for types
    from dsoftbus.contracts import Data
    from dsoftbus.resume.tickets import Tickets


KEPT = 1
TAKEN = 2
_MAGIC = b"DBT1"
_CHECK = 8
_HEAD = 14
_FIXED = 9


def encode(tickets: "Tickets") -> bytes:
    """All tickets of a node, with what is left of their time."""
    records = [_record(KEPT, ticket, tickets.running_ms()) for ticket in tickets.kept]
    if tickets.taken is not None:
        records += [_record(TAKEN, ticket, tickets.running_ms()) for ticket in tickets.taken]
    head = bytearray(_HEAD)
    head[:4] = _MAGIC
    head[4:12] = _owner(tickets)
    put_u16(head, 12, len(records))
    text = bytes(head) + b"".join(records)
    return text + sha256(text).digest()[:_CHECK]


def decode(data: "Data", tickets: "Tickets", slept_ms: int) -> bool:
    """Gives `tickets` what `data` holds; False where that is nothing of this node's."""
    text = bytes(data)
    body, check = text[:-_CHECK], text[-_CHECK:]
    if len(text) < _HEAD + _CHECK or sha256(body).digest()[:_CHECK] != check:
        return False
    if body[:4] != _MAGIC or body[4:12] != _owner(tickets):
        return False
    reader = Reader(body, 12)
    try:
        for _ in range(reader.u16()):
            _restore(reader, tickets, slept_ms)
        reader.finish()
    except PeerError:  # a check that fits what does not: not ours
        return False
    return True


def _owner(tickets: "Tickets") -> bytes:
    return sha256(tickets.node.public).digest()[:8]


def _record(role: int, ticket: "Ticket", now: int) -> bytes:
    fixed = bytearray(_FIXED)
    fixed[0] = role
    fixed[1] = ticket.mode
    fixed[2] = ticket.suite
    put_u16(fixed, 3, ticket.left)
    put_u32(fixed, 5, max(0, min((ticket.until - now) // 1000, U30_MAX)))
    return bytes(fixed) + ticket.peer + ticket.secret + ticket.access


def _restore(reader: Reader, tickets: "Tickets", slept_ms: int) -> None:
    role, mode, suite = reader.u8(), reader.u8(), reader.u8()
    left, left_s = reader.u16(), reader.u32()
    peer, secret = reader.raw(KEY_BYTES), reader.raw(KEY_BYTES)
    access = reader.raw(MARK_BYTES)
    if suite not in tickets.node.local.suites or not left:
        return
    until = tickets.running_ms() + left_s * 1000 - slept_ms
    ticket = Ticket(peer, suite, mode, secret, access, until, left)
    if role == KEPT:
        tickets.kept.put(ticket)
    elif tickets.taken is not None:
        tickets.taken.add(ticket)
