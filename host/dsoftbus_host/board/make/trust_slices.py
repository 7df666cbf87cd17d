"""The slices of trust: `slices` has them among all."""

from __future__ import annotations

from dsoftbus_host.board.make.slice import Slice, of

TRUST = {
    "trust": Slice(
        "the trust store and access rules, for every session",
        ("node",),
        (
            "dsoftbus.trust",
            *of("dsoftbus.trust", "acl store pairing_window session_guard guard"),
            "dsoftbus_aio.housekeeping",
            "dsoftbus_mpy.trust_file",
        ),
        (
            *("pairing", "rotation", "naming", "damage", "window", "lookalikes"),
            *("message-rules", "store-text"),
        ),
    ),
    "message-rules": Slice(
        "access rules for unreliable messages", ("trust",), ("dsoftbus.trust.datagrams",)
    ),
    "lookalikes": Slice(
        "names that people take for one another", ("core",), ("dsoftbus.trust.lookalikes",)
    ),
    "damage": Slice(
        "what becomes of a damaged trust store", ("trust",), ("dsoftbus_mpy.base.damage",)
    ),
    "store-text": Slice(
        "the trust store out of its file; leaves the heap afterwards",
        ("trust",),
        ("dsoftbus.trust.store_text",),
    ),
    "naming": Slice("the peer that a word means", ("trust",), ("dsoftbus.trust.naming",)),
    "window": Slice(
        "who leaves when the time for pairings is over; leaves the heap afterwards",
        ("trust",),
        ("dsoftbus.trust.window_end",),
    ),
    "pairing": Slice(
        "how trust begins: six digits on both sides",
        ("trust",),
        of("dsoftbus.trust", "message_channel pairing pairing_attempt"),
    ),
    "base32-text": Slice(
        "base32 that people typed or scanned", ("core",), ("dsoftbus.trust.base32_text",)
    ),
}
