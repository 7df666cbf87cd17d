"""What `next_event()` gives."""


class Event:
    """`kind` is one of const.EV_*; `stream` where it concerns one; `code` says why things ended.

    `peer_code` of EV_CLOSED is what the peer gave as its reason, or 0.
    """

    def __init__(self, kind: int, stream=None, code: int = 0, peer_code: int = 0):
        self.kind = kind
        self.stream = stream
        self.code = code
        self.peer_code = peer_code
        self.queued = False  # streams keep one object a kind, and queue it once
