"""The calls of an update (docs/updates.md), with errors that say what an updater can do."""

from __future__ import annotations

from typing import Any

from dsoftbus.base.labels import LABELS
from dsoftbus.errors import OUTSIDE_ACL, BusError, LocalError, PeerError
from dsoftbus.service import status
from dsoftbus.service.status import CallError
from dsoftbus_host.update.errors import NO_UPDATES, NOT_ALLOWED, OWN_RULES, UpdateError

STATE = "dsoftbus/update/state"
BEGIN = "dsoftbus/update/begin"
COMMIT = "dsoftbus/update/commit"
CONFIRM = "dsoftbus/update/confirm"
ROLLBACK = "dsoftbus/update/rollback"
STREAM = "dsoftbus/update"
CALL_MS = 10_000
_INSTEAD = {status.NO_METHOD: NO_UPDATES, status.DENIED: NOT_ALLOWED}


async def call(connection: Any, name: str, value: Any, timeout_ms: int = CALL_MS) -> Any:
    """The peer's answer. Raises UpdateError where it takes no updates, or none from this node;
    PeerError with a label `update.*` that the peer gave; other BusErrors as any call."""
    try:
        return await connection.call(name, value, timeout_ms)
    except LocalError as error:
        if error.code == OUTSIDE_ACL:
            raise UpdateError(OWN_RULES) from None
        raise
    except CallError as error:
        raise _said(error) from None


def _said(error: CallError) -> BusError:
    if error.code in _INSTEAD:
        return UpdateError(_INSTEAD[error.code])
    if error.code == status.ERROR and error.number in LABELS:
        return PeerError(error.number, error.detail.removeprefix(f"{LABELS[error.number]}: "))
    return error
