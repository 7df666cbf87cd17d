"""Windows follow their readers and memory: a reader that keeps up gets more, and while memory is
short there is less. The least node does without, and stays with the credit of its profile."""

from dsoftbus.const import KIND_BYTES

if False:  # for types
    from dsoftbus.mux.mux import Mux
    from dsoftbus.mux.stream import Stream


def resize(mux: "Mux", stream: "Stream") -> None:
    """Credit is about to be given back to the peer of `stream`, one of `mux`."""
    if mux.spares.short:
        _shrink(mux, stream)
    elif not stream.ring.used and _may_enlarge(mux, stream.window, stream.window * 2):
        _set(mux, stream, stream.window * 2)


def _may_enlarge(mux: "Mux", extra: int, window: int) -> bool:
    """Returns whether a stream's window may grow by `extra` to `window`: half of the session's
    memory stays with the credit that every new stream was promised, and there has to be room for
    all of the window now."""
    left = mux.profile.session_credit // 2 - mux.windows
    if window > mux.profile.stream_buffer or extra > left:
        return False
    return mux.spares.room is None or mux.spares.room(window, 0)


def _shrink(mux: "Mux", stream: "Stream") -> None:
    """Half of the window is not given again, down to a quarter of the first. A message has to fit
    in, however."""
    half = stream.window // 2
    least = mux.profile.stream_credit // 4
    if stream.kind == KIND_BYTES and stream.released >= half >= least:
        _set(mux, stream, half)


def _set(mux: "Mux", stream: "Stream", window: int) -> None:
    extra = window - stream.window
    mux.windows += extra
    stream.released += extra
    stream.window = stream.ring.capacity = window
