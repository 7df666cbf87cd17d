"""First trust over the cable: the board makes its key, learns whom it may trust, and gets a token.

The cable is what vouches for both sides, as a person's eyes do for six digits. Either both sides
trust each other afterwards or neither does (`transaction`).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import NamedTuple

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import BAD_STATE, BusError, LocalError
from dsoftbus.trust import invitation
from dsoftbus.trust.invitation import TOKEN_BYTES
from dsoftbus_host.board.remote import Remote

TOKEN = "dsoftbus.token"
LOGS = "allow in logs"  # whoever has the cable reads them there anyway
_CHANGES = ("trust.json", "dsoftbus.allowed", TOKEN)  # the files with what a board trusts
_PROGRAM = """
from binascii import hexlify, unhexlify
import dsoftbus_profile
from dsoftbus_mpy import crypto, entropy, key_file
_secret = key_file.load_or_make("dsoftbus.key", entropy.source(adc=dsoftbus_profile.ADC))
_said = hexlify(crypto.keypair(_secret).public).decode()  # takes most memory: trust comes after
_public = unhexlify({public!r})
try:
    from dsoftbus_mpy.trust_file import StoreFile
except ImportError:
    StoreFile = None
if StoreFile is None:
    from dsoftbus_mpy.board_minimal import allow
    allow(_public)
else:
    from dsoftbus.trust.acl import grant
    from dsoftbus.trust.store import Entry
    _file = StoreFile("trust.json", dsoftbus_profile.PROFILE)
    _grants = [grant(text) for text in {grants!r}]
    _file.store.add(Entry(_public, {name!r}, _grants, {now}))
    _file.save()
print(_said, StoreFile is not None)
"""


class Provisioned(NamedTuple):
    """The board's public key, and whether others may pair with it."""

    public: bytes
    pairs: bool


@contextlib.contextmanager
def transaction(remote: Remote) -> Iterator[None]:
    """Puts back what the board trusted before, where anything in the block fails: there too the
    host's own store has to be changed.

    Raises the error of the block; LocalError where the board cannot be reached for that any more.
    """
    before = {path: remote.read(path) for path in _CHANGES}
    try:
        yield
    except BaseException as error:
        _restore(remote, before, error)
        raise


def _restore(remote: Remote, before: dict[str, bytes | None], error: BaseException) -> None:
    try:
        for path, data in before.items():
            now = remote.read(path)
            if data is None and now is not None:
                remote.remove(path)
            elif data is not None and now != data:
                remote.write(path, data)
    except BusError as again:
        raise LocalError(
            BAD_STATE,
            f"{error}; and the board could not be put back ({again}): it may trust this node,"
            " which does not trust it. Repeat the command, or take the node off the board",
        ) from error


def provision(
    remote: Remote, public: bytes, name: str, grants: tuple[str, ...] = ("allow both *",)
) -> Provisioned:
    """Lets the board trust the node with this key, which may also read its logs; a board with the
    least node knows keys alone.

    Its own secret is made on the board, and does not leave it.
    """
    granted = (*grants, LOGS)
    program = _PROGRAM.format(public=public.hex(), name=name, grants=granted, now=int(time.time()))
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
