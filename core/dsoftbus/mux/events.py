"""The events that `next_event()` gives."""

if False:  # for types
    from dsoftbus.contracts import Address
    from dsoftbus.mux.stream import Stream


# Public


class Event:
    """`kind` is one of const.EV_*; `stream` where it concerns one; `code` says why things ended.

    `peer_code` of EV_CLOSED is what the peer gave as its reason, or 0.
    """

    def __init__(
        self, kind: int, stream: "Stream | None" = None, code: int = 0, peer_code: int = 0
    ) -> None:
        self.kind = kind
        self.stream = stream
        self.code = code
        self.peer_code = peer_code
        # Ours
        self.queued = False  # streams keep one object a kind, and queue it once
        self.next: Event | None = None  # the event after it in its mux's queue


class NodeEvent:
    """An event of the node and not of one session: const.EV_ONLINE and those after it.

    `peer` is a device id, `name` the peer's or the stream's, `code` says why, `about` is the
    `Pairing` or the direction that the event speaks of.
    """

    def __init__(
        self, kind: int, peer: str, name: str = "", code: int = 0, about: "Address" = None
    ) -> None:
        self.kind = kind
        self.peer = peer
        self.name = name
        self.code = code
        self.about = about
