"""The slices of what goes through a broker: `slices` has them among all."""

from __future__ import annotations

from dsoftbus_host.board.make.slice import Slice, of

# What a board's node has besides, by the setting of its config.json that asks for it.
ASKED_FOR = {"group": "broker"}
BROKER = {
    "broker": Slice(
        "a group's broker as a link, for the Bus",
        ("ports", "congestion", "stream", "peers", "mqtt", "cards", "trust"),
        of("dsoftbus_mpy.links", "broker_url broker_link broker"),
        ("tls", "group-token"),
    ),
    "tls": Slice("TLS to a broker; for who has one", ("core",), ("dsoftbus_mpy.links.tls",)),
    "mqtt": Slice("an MQTT client", ("core",), of("dsoftbus.mqtt", "__init__ packets client")),
    "letters": Slice(
        "letters of a group, which go through a broker",
        ("node",),
        of("dsoftbus.broker", "__init__ drops group letters"),
        ("broker-labels",),
    ),
    "broker-labels": Slice(
        "what people see of what came from a broker and was dropped",
        ("letters",),
        ("dsoftbus.broker.drop_labels",),
    ),
    "cards": Slice("cards of a group, and its clock", ("letters",), ("dsoftbus.broker.cards",)),
    "group-token": Slice(
        "the token of a group, for a board's start; leaves the heap afterwards",
        ("letters", "base32-text"),
        ("dsoftbus.broker.group_token",),
    ),
}
