"""The slices of what a session does when its peer is somewhere else: see `slices`."""

from __future__ import annotations

from dsoftbus_host.board.make.slice import Slice

PATHS = {
    "paths": Slice(
        "whether a peer is where its packets come from; leaves the heap afterwards",
        ("datagram",),
        ("dsoftbus.session.path_validation",),
        ("elsewhere",),
    ),
    "elsewhere": Slice(
        "what a session takes along to another link; leaves the heap afterwards",
        ("datagram",),
        ("dsoftbus.session.elsewhere",),
        ("congestion", "gapped"),
    ),
    "gapped": Slice(
        "a session that comes from a cable to a network; leaves the heap afterwards",
        ("congestion",),
        ("dsoftbus.packet.gapped",),
    ),
    "path-text": Slice(
        "what a path is called", ("core", "elsewhere"), ("dsoftbus_aio.path_text",)
    ),
}
