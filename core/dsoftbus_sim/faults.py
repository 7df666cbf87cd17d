"""The faults of a path: loss, delay, copies, changed bits."""


class Faults:
    """The character of a path, one way. Chances are permille.

    latency_ms: how long a datagram is under way
    kilobytes_s: bandwidth in 1000 bytes a second; 0: without bound
    queue_bytes: what may wait for the bandwidth; more is dropped (drop-tail)
    loss: a single datagram is lost
    burst_begin, burst_end: the path goes bad and good again, from one datagram to the next;
        while it is bad every datagram is lost (Gilbert and Elliott's model)
    duplicate, reorder, corrupt: it comes twice; up to `reorder_ms` late; with one bit changed
    mtu: a longer one is lost
    """

    def __init__(
        self,
        latency_ms: int = 1,
        kilobytes_s: int = 0,
        queue_bytes: int = 64000,
        loss: int = 0,
        burst_begin: int = 0,
        burst_end: int = 300,
        duplicate: int = 0,
        reorder: int = 0,
        reorder_ms: int = 20,
        corrupt: int = 0,
        mtu: int = 1200,
    ) -> None:
        self.latency_ms = latency_ms
        self.kilobytes_s = kilobytes_s
        self.queue_bytes = queue_bytes
        self.loss = loss
        self.burst_begin = burst_begin
        self.burst_end = burst_end
        self.duplicate = duplicate
        self.reorder = reorder
        self.reorder_ms = reorder_ms
        self.corrupt = corrupt
        self.mtu = mtu
