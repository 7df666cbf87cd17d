"""The least node of a board, as its `config.json` says: a line, a list of keys, a bare loop.

It is for boards whose heap holds no more. The program beside it is `app.py`: its
`on_event(session, event)` gets the core's events, its `turn(loop)`, if there is one, runs at least
once a second. Without an `app.py` the node serves `echo`."""

import sys

import dsoftbus_profile as hardware
from dsoftbus.const import EV_OPENED, EV_READABLE, EV_WRITABLE, KEY_BYTES
from dsoftbus.errors import NO_SUCH_SERVICE, BusError
from dsoftbus_mpy.device import setup, startup
from dsoftbus_mpy.loop_serial import SerialLoop

_STARTS = "dsoftbus.starts"
_ALLOWED = "dsoftbus.allowed"  # the keys that may begin sessions, one behind the other
_TURN_MS = 1000
_CHUNK = 256
# What a config.json may say, and this node does not do.
_ABSENT = ("wifi", "port", "rules", "files", "updates", "watchdog_ms")


def run() -> None:
    """Runs the node until something interrupts it: then the REPL has the console again."""
    _kernels()
    settings = setup.settings()
    _load(settings)
    for name in _ABSENT:
        if settings[name]:
            print("failed: %s: this board's node has a cable and nothing else" % name)
    try:
        _run(settings)
    except (BusError, OSError, ValueError) as error:
        print("no node:", setup.text(error) if isinstance(error, BusError) else repr(error))


# Each a function of its own, and what they import with it: frames that stay would keep all of it.


def _kernels() -> None:
    """Loads them where the order of `startup` has not found them."""
    from dsoftbus_mpy.crypto import suite

    suite()


def _load(settings) -> None:
    from dsoftbus_mpy.device.start_order import load

    load(settings)


def _node(settings):
    from dsoftbus_mpy.entropy import source
    from dsoftbus_mpy.key_file import load_or_make
    from dsoftbus_mpy.node import minimal

    secret = load_or_make(setup.KEY, source(adc=hardware.ADC))
    return minimal(secret, allowed(), settings["name"], hardware.PROFILE)


def _run(settings) -> None:
    node = _node(settings)
    print("dsoftbus", node.id, settings["name"])
    on_event, turn = _app()
    loop = SerialLoop(node, setup.byte_port(settings), on_event)
    on_line = _announced(loop, settings)
    print("started")  # `dsoftbus board run` waits for this
    if startup.lacked():
        from dsoftbus_mpy.device.no_memory import holding

        turn = holding(turn)
    while True:
        if on_line is not None:
            on_line.handle_timer(loop.now())
        loop.run_once(_TURN_MS)
        turn(loop)


def _announced(loop, settings):
    """The node's voice on the line, where the slice `line-announcements` is there."""
    if not settings["discovery"]:
        return None
    try:
        from dsoftbus.discovery.announce import Announcement
        from dsoftbus.discovery.serial_discovery import OnLine
        from dsoftbus_mpy.device.boot_counter import count_start
    except ImportError:
        return None
    said = Announcement(loop.node.id, loop.node.public, (), (), settings["name"])
    said.sequence = count_start(_STARTS)
    return loop.wrap_link(lambda link: OnLine(link, said, loop.now()))


def allowed() -> list:
    """The public keys that `dsoftbus board token` left here."""
    from dsoftbus_mpy.key_file import read

    data = read(_ALLOWED, hardware.PROFILE.trusted * KEY_BYTES) or b""
    whole = len(data) // KEY_BYTES * KEY_BYTES
    return [data[at : at + KEY_BYTES] for at in range(0, whole, KEY_BYTES)]


def allow(public: bytes) -> None:
    """Lets in the node with this key from the next start on; of too many the oldest gives way."""
    from dsoftbus_mpy.key_file import place

    keys = [key for key in allowed() if key != public] + [public]
    place(_ALLOWED, b"".join(keys[-hardware.PROFILE.trusted :]))


def _app() -> tuple:
    """Returns the functions of app.py; a fault in it does not keep the node from its line."""
    try:
        import app

        return getattr(app, "on_event", _echo), getattr(app, "turn", _no_turn)
    except ImportError as error:
        if "'app'" not in str(error):  # that there is no app.py is no fault
            sys.print_exception(error)
    except Exception as error:  # noqa: BLE001 - the program's own, of any kind
        sys.print_exception(error)
    return _echo, _no_turn


def _no_turn(loop) -> None:
    """Serves programs that have nothing to do by themselves."""


def _echo(session, event) -> None:
    """`context` of a stream is what has been read and not been taken back yet, None at the end."""
    stream = event.stream
    if event.kind == EV_OPENED:
        if stream.name == "echo":
            stream.context = b""
            stream.accept()
        else:
            stream.reset(NO_SUCH_SERVICE)
    elif event.kind in (EV_READABLE, EV_WRITABLE) and stream.context is not None:
        _pass_back(stream)


def _pass_back(stream) -> None:
    data = stream.context or stream.recv(_CHUNK)
    while data:
        n = stream.send(data)
        if not n:  # an EV_WRITABLE follows
            stream.context = data
            return
        data = data[n:] or stream.recv(_CHUNK)
    stream.context = b""
    if stream.at_end:
        stream.context = None
        stream.finish()
