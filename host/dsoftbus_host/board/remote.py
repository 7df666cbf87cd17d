"""A board at the end of a cable, by the `mpremote` package."""

from __future__ import annotations

import ast
import contextlib
import errno
import functools
import hashlib
import io
import os
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any, NamedTuple

from serial import SerialException

from dsoftbus.errors import BAD_STATE, LocalError, Unsupported
from dsoftbus_host.board.console_text import Lines

# A node that owns the console gives it back for these (dsoftbus_mpy.serial): no frame has them.
BREAK = b"\x03" * 16
# `sys.implementation._mpy >> 10` on a board, as MicroPython numbers them.
ARCHITECTURES = (
    *("", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"),
    *("xtensa", "xtensawin", "rv32imc"),
)
MPY_VERSION = 6
NATIVE_VERSION = 3  # machine code is for one of these and no other; bytecode is for all
QUIET_SECONDS = 0.2
START_SECONDS = 20  # until a board's main.py is through with its start
OPENINGS = 4  # systems look for modems at a port that has just been plugged in
ATTEMPTS = 3
ATTEMPT_SECONDS = 5
_REBOOT = "MPY: soft reboot"
PROMPT = b">>> "
HEAP_MIN = 4096  # with less no interpreter answers
FULL = (errno.ENOSPC, errno.EFBIG)
NEW = ".new"  # behind the name of a file that is being written

_PLACE = """
import hashlib, os
def _place(new, path, digest):
    h = hashlib.sha256()
    with open(new, "rb") as file:
        b = file.read(512)
        while b:
            h.update(b)
            b = file.read(512)
    same = h.digest() == digest
    if same:
        os.rename(new, path)
    print(same)
"""
# A watchdog cannot be stopped, and the node that fed it does not run now: a timer does it, until
# the next reset. ESP32 numbers its timers from 0, the others want -1.
_FEED = """
def _feed():
    import json, machine, sys
    with open("config.json") as file:
        timeout_ms = json.load(file).get("watchdog_ms", 0)
    if timeout_ms:
        dog = machine.WDT(timeout=timeout_ms)
        timer = machine.Timer(0 if sys.platform == "esp32" else -1)
        timer.init(period=timeout_ms // 4, mode=timer.PERIODIC, callback=lambda _: dog.feed())
        return timer
try:
    _timer = _feed()
except (AttributeError, ImportError, OSError, TypeError, ValueError):
    pass
"""
_FREE = """
import os
try:
    _s = os.statvfs(".")
    print((_s[0], _s[0] * _s[3]))
except Exception:
    print(None)
"""
_HEAP = """
try:
    import gc, sys
    gc.collect()
    print((gc.mem_free(), gc.mem_alloc(), int(sys.maxsize > 0x7FFFFFFF)))
except Exception:
    print(None)
"""
_FOLDERS = """
import os
for _folder in {folders!r}:
    try:
        os.mkdir(_folder)
    except OSError:
        pass
"""
_NAMES = """
import os
print([_name for _name in os.listdir() if not os.stat(_name)[0] & 0x4000])
"""
_LIST = """
import os
for _name in os.listdir({folder!r}):
    _mode, *_, _size = os.stat(({folder!r} and {folder!r}.rstrip("/") + "/") + _name)[:7]
    print((_name, _mode, 0 if _mode & 0x4000 else _size))
"""
_KINDS = """
import os
for _path in {paths!r}:
    try:
        print((_path, os.stat(_path)[0]))
    except OSError:
        pass
"""
_REMOVE = """
import os
for _path in {paths!r}:
    os.remove(_path)
"""
_DROP = """
import os
def _drop(path):
    if not os.stat(path)[0] & 0x4000:
        os.remove(path)
        return 1
    count = sum([_drop(path + "/" + name) for name in os.listdir(path)])
    os.rmdir(path)
    return count
print(_drop({path!r}))
"""
_IS_FOLDER = 0x4000  # in the mode that `os.stat` gives on a board
_COUNT_MAX = 1 << 48  # more bytes than any board has of anything


class Heap(NamedTuple):
    """Bytes of a board's heap that are free and that are held, after a collection; `wide`: its
    words have 64 bits."""

    free: int
    held: int
    wide: bool


class Entry(NamedTuple):
    """A line of the list of a folder; `size` in bytes, 0 for a folder."""

    name: str
    is_folder: bool
    size: int


class Remote:
    """The files and the REPL of one board. Its programs do not run meanwhile."""

    group = 32  # paths that one program for a board names: its heap holds the program

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._places = False  # the board has the function that puts a file in its place

    def run(self, program: str) -> str:
        """Runs `program` on the board; what it prints. Raises LocalError with its traceback."""
        return bytes(_answered(self._transport.exec, program)).decode()

    def mpremote(self, do: Callable[..., None], **words: Any) -> None:
        """Runs a command of mpremote's, with the words of its command line, for this board."""
        state = SimpleNamespace(
            transport=self._transport, ensure_raw_repl=_nothing, did_action=_nothing
        )
        try:
            _answered(do, state, SimpleNamespace(**words))
        except SystemExit:
            raise LocalError(BAD_STATE, f"mpremote {words} has given up") from None

    def ask(self, expression: str) -> Any:
        return _answered(self._transport.eval, expression)

    @property
    def architecture(self) -> str:
        """Its name for `mpy-cross -march`; "" where the board runs bytecode only, or machine code
        of another version than ours."""
        self.run("import sys")
        return architecture_of(int(self.ask("getattr(sys.implementation, '_mpy', 0)")))

    @property
    def machine(self) -> tuple[str, str]:
        """(`sys.platform`, what its firmware calls the board: "Raspberry Pi Pico with RP2040")"""
        self.run("import sys")
        said = self.ask("(sys.platform, getattr(sys.implementation, '_machine', ''))")
        return str(said[0]), str(said[1])

    @property
    def room(self) -> tuple[int, int] | None:
        """(bytes of a block, bytes that are free) of the board's flash, None if it cannot say."""
        said = _counts(self.run(_FREE))
        return (said[0], said[1]) if len(said) == 2 and said[0] else None

    @property
    def heap(self) -> Heap | None:
        """None if the board cannot say, or says what no board has."""
        said = _counts(self.run(_HEAP))
        known = len(said) == 3 and said[0] + said[1] >= HEAP_MIN and said[2] < 2
        return Heap(said[0], said[1], bool(said[2])) if known else None

    def names(self) -> list[str]:
        """The files, no folders, at the top of the board's file system."""
        said = _literal(self.run(_NAMES))
        return [name for name in said if isinstance(name, str)] if isinstance(said, list) else []

    def make_folders(self, files: Iterable[str]) -> None:
        """Makes every folder that these files lie in, where it is not there yet."""
        parents = {str(parent) for path in files for parent in PurePosixPath(path).parents}
        folders = sorted(parents - {".", "/"})  # a parent before its children
        for at in range(0, len(folders), self.group):
            self.run(_FOLDERS.format(folders=folders[at : at + self.group]))

    def entries(self, folder: str) -> list[Entry]:
        """The files and folders in a folder, "" for the top. Raises LocalError."""
        said = self.run(_LIST.format(folder=folder))
        found = map(_literal, said.splitlines())
        return [Entry(str(name), is_folder(mode), int(size)) for name, mode, size in found]

    def kinds(self, paths: Sequence[str]) -> dict[str, bool]:
        """Maps each of these paths that is there to whether it is a folder."""
        found = {}
        for at in range(0, len(paths), self.group):
            said = self.run(_KINDS.format(paths=paths[at : at + self.group]))
            found.update(
                {path: is_folder(mode) for path, mode in map(_literal, said.splitlines())}
            )
        return found

    def write(
        self, path: str, data: bytes, progress: Callable[[int], None] = lambda done: None
    ) -> None:
        """Puts `data` at `path` in one step: by another name, verified there, and renamed.

        `progress` is called with the bytes that have been sent.
        """
        new = path + NEW
        send = functools.partial(
            self._transport.fs_writefile, progress_callback=lambda done, _: progress(done)
        )
        _answered(send, new, data)
        if not self._places:
            self.run(_PLACE)
            self._places = True
        digest = hashlib.sha256(data).digest()
        if not _literal(self.run(f"_place({new!r}, {path!r}, {digest!r})")):
            raise LocalError(BAD_STATE, f"{path} did not arrive as it was sent")

    def remove(self, *paths: str) -> None:
        """Removes files, one after the other. Raises LocalError."""
        for at in range(0, len(paths), self.group):
            self.run(_REMOVE.format(paths=paths[at : at + self.group]))

    def rename(self, path: str, to: str) -> None:
        self.run(f"import os\nos.rename({path!r}, {to!r})")

    @property
    def folder(self) -> str:
        """The folder that relative paths begin in: "/", or "/flash" on some boards."""
        self.run("import os")
        return str(self.ask("os.getcwd()"))

    def remove_tree(self, path: str) -> int:
        """Removes a file, or a folder with all that is in it; returns how many files."""
        return int(_literal(self.run(_DROP.format(path=path))))

    def fetch(self, path: str, progress: Callable[[int, int], None]) -> bytes:
        """Returns the bytes of a file; `progress` is called with how many are here, and of how
        many. Raises LocalError, also for a board that sends more than it has said."""

        def check(done: int, total: int) -> None:
            if done > total:
                raise LocalError(BAD_STATE, f"{path}: the board sends more than it has said")
            progress(done, total)

        read = functools.partial(self._transport.fs_readfile, progress_callback=check)
        return bytes(_answered(read, path))

    def read(self, path: str) -> bytes | None:
        """Returns the bytes of a file, None if there is none."""
        try:
            return bytes(self._transport.fs_readfile(path))
        except FileNotFoundError:
            return None
        except _errors() as error:
            raise _told(error) from None

    def leave(self) -> None:
        """Leaves the board at its prompt, with no program running."""
        self._transport.exit_raw_repl()

    def reset(self) -> None:
        """A soft reset: the board's own programs run again."""
        self.leave()
        self._transport.serial.write(b"\x04")

    def start(self, seconds: float = START_SECONDS) -> str:
        """Resets the board; what its programs print until they have begun, or give up."""
        self.reset()
        lines, end = Lines(), time.monotonic() + seconds
        said: list[str] = []
        while time.monotonic() < end:
            said += lines.feed(read_now(self._transport.serial))
            if _REBOOT not in said:
                continue  # what the REPL has to say before it ends
            since = said[said.index(_REBOOT) + 1 :]
            if _begun(since) or lines.rest.startswith(PROMPT):
                return "\n".join(since)
        return "\n".join(said)


def is_folder(mode: int) -> bool:
    """Returns whether a board's `os.stat` means a folder by this mode."""
    return bool(mode & _IS_FOLDER)


def architecture_of(number: int) -> str:
    """The name for `mpy-cross -march` of what a board's `sys.implementation._mpy` says; as
    `Remote.architecture`. Raises Unsupported for another version of mpy."""
    if number & 0xFF != MPY_VERSION:
        raise Unsupported(f"mpy version {number & 0xFF} of this board: use --source")
    index = number >> 10 & 0xF
    known = number >> 8 & 3 == NATIVE_VERSION and index < len(ARCHITECTURES)
    return _without_fpu(ARCHITECTURES[index]) if known else ""


def _without_fpu(architecture: str) -> str:
    """Every firmware in Thumb-2 without registers for floats says armv7em, a Cortex-M3 too: its
    instructions are all that may be assumed."""
    return "armv7m" if architecture == "armv7em" else architecture


def _begun(lines: list[str]) -> bool:
    """Returns whether a node has started, or has reported a fault in its configuration."""
    return any(line == "started" or line.startswith("fix it by") for line in lines)


def read_now(port: Any) -> bytes:
    """Returns the bytes that a board has printed since; waits for a moment if there are none."""
    port.timeout = QUIET_SECONDS
    return bytes(port.read(port.in_waiting or 1))


@contextlib.contextmanager
def connected(port: str) -> Iterator[Remote]:
    """The board at `port`, at its raw REPL after a soft reset."""
    transport = _opened(port)
    try:
        _enter_raw_repl(transport, port)
        remote = Remote(transport)
        with _reset_after_failure(remote):
            remote.run(_FEED)
            yield remote
    except _errors() as error:
        raise LocalError(BAD_STATE, f"{port}: {error}") from None
    finally:
        _close(transport)


@contextlib.contextmanager
def _reset_after_failure(remote: Remote) -> Iterator[None]:
    """Work that is refused, or cut short, leaves no board behind that stands still."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(*_errors()):
            remote.reset()
        raise


def _close(transport: Any) -> None:
    """The port may be gone from under us, and has to be given back all the same."""
    with contextlib.suppress(OSError):
        transport.close()
    with contextlib.suppress(OSError):
        transport.serial.close()


def _opened(port: str) -> Any:
    try:
        from dsoftbus_host.board.raw_repl import RawRepl
    except ImportError:
        raise Unsupported("mpremote: pip install 'dsoftbus[board]'") from None
    for _ in range(OPENINGS - 1 if os.path.exists(port) else 0):
        with contextlib.suppress(*_errors()):
            return RawRepl(port)
        time.sleep(QUIET_SECONDS)
    try:
        return RawRepl(port)
    except _errors():
        raise LocalError(BAD_STATE, why_not(port)) from None


def why_not(port: str) -> str:
    """Says why a port could not be opened, and what to do about it."""
    if not os.path.exists(port):
        return f"{port}: there is no such port; `dsoftbus board list` shows those that there are"
    if not os.access(port, os.R_OK | os.W_OK):
        return f"{port}: you may not open it; on Linux that is the group of `ls -l {port}`"
    return f"{port}: another program has it open, or it is no serial port"


def _enter_raw_repl(transport: Any, port: str) -> None:
    """Interrupts what runs and asks for a fresh raw REPL; a board that is just starting may miss
    the first call."""
    for _ in range(ATTEMPTS):
        # mpremote prints what it got where that was not what it waited for.
        with contextlib.suppress(*_errors()), contextlib.redirect_stdout(io.StringIO()):
            transport.serial.write(BREAK)
            transport.enter_raw_repl(soft_reset=True, timeout_overall=ATTEMPT_SECONDS)
            return
    raise LocalError(BAD_STATE, f"{port}: nothing there answers as a MicroPython board does")


def _nothing() -> None:
    """Does nothing: the work of mpremote's command line around a command is done here already."""


def _answered(call: Callable[..., Any], *args: Any) -> Any:
    try:
        return call(*args)
    except _errors() as error:
        raise _told(error) from None


def _told(error: Exception) -> LocalError:
    text = str(error).strip()
    if getattr(error, "errno", 0) in FULL or "ENOSPC" in text or "OSError: 28" in text:
        return LocalError(BAD_STATE, "the board's flash is full")
    return LocalError(BAD_STATE, f"the board says: {text}" if text else "the board went silent")


def _counts(said: str) -> tuple[int, ...]:
    """The whole numbers of a tuple that a board has printed, none for anything else: boards run
    programs of others."""
    try:
        found = ast.literal_eval(said.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    counts = isinstance(found, tuple) and all(type(n) is int for n in found)
    return found if counts and all(0 <= n < _COUNT_MAX for n in found) else ()


def _literal(said: str) -> Any:
    try:
        return ast.literal_eval(said.strip())
    except (ValueError, SyntaxError):
        raise LocalError(BAD_STATE, f"the board says: {said.strip()}") from None


def _errors() -> tuple[type[Exception], ...]:
    """Returns the errors that mpremote raises: struct.error if a board falls silent in an
    answer."""
    known = (SerialException, OSError, struct.error)
    try:
        from mpremote.transport import TransportError
    except ImportError:  # who works over the bus does without
        return known
    return (TransportError, *known)
