"""The end of a time for pairings, or of a rule: who has to leave. Imported when somebody may."""

from dsoftbus.errors import NOT_PAIRED

if False:  # for types
    from dsoftbus.trust.guard import Guard
    from dsoftbus.trust.session_guard import Control


def dismiss(guard: "Guard", controls: "list[Control]") -> None:
    """Ends the sessions of strangers whom nothing lets in any more. Those that are pairing stay
    until that has ended, and peers that this side sought are welcome."""
    guard.strangers = False
    for control in list(controls):
        session = control.session
        if control.attempt is not None:
            guard.strangers = True
        elif not (session.initiator or _may_stay(guard, control.device)):
            session.refuse(NOT_PAIRED)
            guard.add_pending(session)


def _may_stay(guard: "Guard", device: str) -> bool:
    return guard.store.get(device) is not None or guard.acl.welcomes(device)
