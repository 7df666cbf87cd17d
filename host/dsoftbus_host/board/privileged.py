"""The words for calls of the bus's own that a peer refuses: what there is to do about it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from dsoftbus.errors import OUTSIDE_ACL, LocalError, Unsupported
from dsoftbus.service import status
from dsoftbus.service.status import CallError

_GRANT = (
    'the peer does not grant "allow in {0}": a host does by `dsoftbus allow PEER {0}`, a board by'
    ' `dsoftbus board token PORT --grant "allow in {0}"`'
)


@contextlib.contextmanager
def refused(right: str, lacking: str) -> Iterator[None]:
    """Says what a peer has to do for a call of the bus's own, of this right, that it refuses;
    `lacking`: what it is where it has no such call."""
    try:
        yield
    except CallError as error:
        if error.code == status.DENIED:
            raise LocalError(OUTSIDE_ACL, _GRANT.format(right)) from None
        if error.code == status.NO_METHOD:
            raise Unsupported(lacking) from None
        raise
