"""The sessions of a node take no more memory than there is."""

import io

from dsoftbus_mpy.base.overlay import unload

# Left to what is no buffer of a session: a datagram as `recvfrom` gives it, tasks, the program.
_RESERVE = 1280


def roomy(node):
    """Returns the `room` of `node` (see `SessionTable`). Code that is needed for a while
    (`overlay`) leaves before a session waits."""

    def room(size: int, more: int) -> bool:
        taken = []
        try:
            for n in (_RESERVE,) + (size,) * (more + 1):
                taken.append(io.BytesIO(n))  # each in its own place
        except MemoryError:
            unload(node)
            return False
        finally:
            for piece in taken:
                piece.close()  # which gives it back at once
        return True

    return room
