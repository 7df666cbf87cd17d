"""First trust over the cable: the board makes its key, learns whom it may trust, and gets a token.

The cable is what vouches for both sides, as a person's eyes do for six digits.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import BAD_STATE, LocalError
from dsoftbus.trust import invitation
from dsoftbus.trust.invitation import TOKEN_BYTES
from dsoftbus_host.board.remote import Remote

TOKEN = "dsoftbus.token"
_PROGRAM = """
from binascii import hexlify, unhexlify
import dsoftbus_profile
from dsoftbus_mpy import crypto, entropy, keyfile
_secret = keyfile.load_or_make("dsoftbus.key", entropy.source(adc=dsoftbus_profile.ADC))
_public = unhexlify({public!r})
try:
    from dsoftbus_mpy.storefile import StoreFile
except ImportError:
    StoreFile = None
if StoreFile is None:
    from dsoftbus_mpy.cable import allow
    allow(_public)
else:
    from dsoftbus.trust.acl import grant
    from dsoftbus.trust.store import Entry
    _file = StoreFile("trust.json", dsoftbus_profile.PROFILE)
    _grants = [grant(text) for text in {grants!r}]
    _file.store.add(Entry(_public, {name!r}, _grants, {now}))
    _file.save()
print(hexlify(crypto.keypair(_secret).public).decode(), StoreFile is not None)
"""


class Provisioned(NamedTuple):
    """The board's public key, and whether others may pair with it."""

    public: bytes
    pairs: bool


def provision(
    remote: Remote, public: bytes, name: str, grants: tuple[str, ...] = ("allow both *",)
) -> Provisioned:
    """Lets the board trust the node with this key; a board with the least node knows keys alone.

    Its own secret is made on the board, and does not leave it.
    """
    program = _PROGRAM.format(public=public.hex(), name=name, grants=grants, now=int(time.time()))
    said = remote.run(program)
    words = said.split()
    try:
        key = bytes.fromhex(words[0])
    except (ValueError, IndexError):
        raise LocalError(BAD_STATE, f"no key came back: {said}") from None
    if len(key) != KEY_BYTES:
        raise LocalError(BAD_STATE, f"no key came back: {said}")
    return Provisioned(key, words[1:] == ["True"])


def token(remote: Remote, renew: bool = False) -> bytes:
    """The token by which others may pair with the board; it gets one if it has none.

    Its file holds the key of XKpsk3, which is all that the board uses, and behind it the token
    itself, so that it can be shown again.
    """
    held = remote.read(TOKEN)
    if held is not None and len(held) == KEY_BYTES + TOKEN_BYTES and not renew:
        return held[KEY_BYTES:]
    made = os.urandom(TOKEN_BYTES)
    remote.write(TOKEN, invitation.psk(made) + made)
    return made


def withdraw(remote: Remote) -> bool:
    """Takes the token away, and with it every invitation; False where there was none."""
    there = remote.read(TOKEN) is not None
    if there:
        remote.remove(TOKEN)
    return there
