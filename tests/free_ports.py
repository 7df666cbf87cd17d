"""Ports for tests that must name one before anybody listens on it.

They lie below those that a system hands out by itself (from 32768 on Linux, from 49152 in RFC
6335), and each worker of a run has a range of its own: nobody else takes one in the meantime.
"""

import itertools
import os
import random
import socket

_FIRST, _LAST = 10_000, 32_000
_WORKERS = 16
_SPAN = (_LAST - _FIRST) // _WORKERS


def _in_turn():
    """Every port of this worker's range, from a random one on: two runs may go on at once."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _WORKERS
    at = random.SystemRandom().randrange(_SPAN)
    for n in itertools.count(at):
        yield _FIRST + worker * _SPAN + n % _SPAN


_turn = _in_turn()


def free_port() -> int:
    """A port that is free now, for TCP and for UDP."""
    return next(port for port in itertools.islice(_turn, _SPAN) if _is_free(port))


def _is_free(port: int) -> bool:
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as sock:
                sock.bind(("", port))
    except OSError:
        return False
    return True
