"""First trust over the cable: the board gets a key, and learns whom it may trust."""

from __future__ import annotations

import time

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import BAD_STATE, LocalError
from dsoftbus_host.board.remote import Remote

_PROGRAM = """
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_mpy import crypto, entropy, keyfile
from dsoftbus_mpy.storefile import StoreFile
from dsoftbus_profile import PROFILE
_secret = keyfile.load_or_make("dsoftbus.key", entropy.source())
_file = StoreFile("trust.json", PROFILE)
_public = bytes.fromhex({public!r})
_file.store.add(Entry(_public, {name!r}, [grant("allow both *")], {now}))
_file.save()
print(crypto.keypair(_secret).public.hex())
"""


def provision(remote: Remote, public: bytes, name: str) -> bytes:
    """Lets the board trust the node with this key; returns the board's own public key.

    The cable is what vouches for both, as a person's eyes do for six digits.
    """
    program = _PROGRAM.format(public=public.hex(), name=name, now=int(time.time()))
    try:
        key = bytes.fromhex(remote.run(program).strip())
    except ValueError as error:
        raise LocalError(BAD_STATE, f"no key came back: {error}") from None
    if len(key) != KEY_BYTES:
        raise LocalError(BAD_STATE, "no key came back")
    return key
