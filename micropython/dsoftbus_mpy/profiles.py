"""The limits that fit this machine's memory."""

import gc

from dsoftbus.const import HOST, SMALL, TINY

_KIB = 1024


class ROOMY:
    """Boards with external RAM, and the unix port (2 MB of heap unless told otherwise)."""

    streams = 16
    frame_payload = 16384  # half the wire's maximum: two sessions fit where HOST has one
    record_bytes = 16657  # one full frame, 256 bytes of control frames, type and tag
    receive_bytes = 33318  # two records in one read
    stream_credit = 32768  # two full frames: one on the way while one is read
    stream_buffer = 131072
    spare_rings = 4
    session_credit = 557056  # as HOST: 32 parts of 16 KiB and two frames
    max_message = 16380  # half of stream_credit, less the prefix
    sessions = 8
    peer_sessions = 4
    half_open = 4
    handshake_ms = 10000
    keepalive_ms = 5000
    close_ms = 1000
    datagram_bytes = 1200
    segments = 64  # 77 KB each way at most
    path_model = True  # its code and its state are 5 KB
    replay_window = 256
    messages = 16
    handshakes = 16  # answered in a second
    addresses = 32  # whose share of these is kept apart
    calls = 32
    value_bytes = 65536
    subscriptions = 16
    topics = 128
    events = 64
    line_slots = 16
    peer_services = 8
    peers = 64
    trusted = 64
    rules = 32


def fitting(free_bytes: int = -1):
    """The largest profile for `free_bytes` of heap; by default what is free now."""
    if free_bytes < 0:
        gc.collect()
        free_bytes = gc.mem_free()
    if free_bytes < 96 * _KIB:
        return TINY
    if free_bytes < 1024 * _KIB:
        return SMALL
    return ROOMY if free_bytes < 32768 * _KIB else HOST
