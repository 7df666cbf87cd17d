"""A board for CI: MicroPython's unix port behind a serial port, restarted when it resets itself.

    python tests/board/supervisor.py FOLDER [HEAP]

prints the path of the serial port and runs until it is ended. FOLDER is the board's file system,
HEAP its heap (`256k`). As on a board, `boot.py` and `main.py` run at every start and the REPL
follows; Ctrl-D there is a soft reset, and one in the raw REPL leaves `main.py` out. Ctrl-C
interrupts a program, unless that has turned it off (`micropython.kbd_intr(-1)`).

The interpreter has the inner pseudo-terminal as its console; the outer one is the port. All bytes
between them pass `Supervisor.pump`, where a test may put a noisy line.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # for a run by hand

from portable import micropython  # noqa: E402 - after the path

START = HERE / "start.py"
CHUNK = 4096
SAID_MAX = 1 << 20  # bytes that `wait_for` looks at: what a test waits for never scrolls by
WAIT_S = 120  # ends what hangs; nothing is held to a time
UNREAD_S = 0.5
LOOK_S = 0.2  # between two looks at an interpreter that says nothing
RAW_REPL = b"\x01"
RAW_SAYS = b"raw REPL; CTRL-B to exit"
FRIENDLY_SAYS = b'Type "help()" for more information'
POWER_ON = b"\x06"  # the first byte of the start: before, a Ctrl-C would end the interpreter
INTERRUPT, END = b"\x03", b"\x04"  # Ctrl-C, Ctrl-D
FATAL = b"FATAL: uncaught NLR"  # its last words
SOFT_RESET = b"\r\nMPY: soft reboot\r\n"

Noise = Callable[[bytes], bytes]


def _clean(data: bytes) -> bytes:
    return data


class Supervisor:
    """One board; a context manager that ends it. `port` is the path of its serial port. With
    `modules` it finds there what does not lie on its flash, as in a firmware that has them."""

    def __init__(self, folder: Path, heap: str = "256k", modules: str = "") -> None:
        self.folder = folder
        self.heap = heap
        self._modules = f":{modules}" if modules else ""
        self.to_board: Noise = _clean  # what the line makes of the bytes that pass
        self.to_host: Noise = _clean
        self.starts = 0
        self._said = bytearray()  # since its last start
        self._raw = False  # the host talks to the raw REPL
        self._cut = False  # by `reset`, until the next start: no REPL outlives that
        self._recent = b""  # what has come for the board since its start
        self._stuck = False  # a Ctrl-C has left it with a lock that it waits for
        self._unread = False  # nobody takes what the port has
        self._outer, slave = pty.openpty()
        os.set_blocking(self._outer, False)
        tty.setraw(slave)
        self._held = slave  # a port that nobody has open must not hang up
        self.port = os.ttyname(slave)
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Supervisor:
        self._start()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        os.write(self._waker, b"x")
        self._thread.join()
        self._process.kill()
        self._process.wait()
        for fd in (self._outer, self._held, self._inner, self._wake, self._waker):
            os.close(fd)

    def reset(self) -> None:
        """A power cut: what the board was doing is gone, its files are not."""
        self._cut = True  # what `wait_for` is to see comes after this
        self._process.kill()

    def pump(self, timeout_s: float | None = None) -> bool:
        """Moves what waits on either side; False when the supervisor is to end."""
        ready, _, _ = select.select((self._outer, self._inner, self._wake), (), (), timeout_s)
        if self._wake in ready:
            return False
        if self._outer in ready:
            self._to_board(self.to_board(os.read(self._outer, CHUNK)))
        if self._inner in ready:
            self._from_board()
        return True

    def wait_for(self, text: bytes) -> None:
        """Waits until the board has printed `text` since its last start."""
        end = time.monotonic() + WAIT_S
        while self._cut or text not in self._said:
            if time.monotonic() > end:
                raise TimeoutError(f"{text!r} is not in {bytes(self._said[-CHUNK:])!r}")
            time.sleep(0.02)

    def _to_board(self, data: bytes) -> None:
        self._recent = (self._recent + data)[-CHUNK:]
        _write(self._inner, data)

    def _from_board(self) -> None:
        try:
            self._heard(os.read(self._inner, CHUNK))
        except OSError:  # the interpreter has closed its console
            os.close(self._inner)
            self._ended(self._process.wait())

    def _ended(self, status: int) -> None:
        """A reset; or Ctrl-C has ended it, then another one goes on without the program. Bytes
        behind the Ctrl-D or the Ctrl-C wait at the port of a board."""
        recent = self._recent
        if self._interrupted(status) and not self._cut:
            self._interpret("raw")
            self._to_board(_behind(INTERRUPT, recent))
        else:
            self._to_port(SOFT_RESET)
            self._start()
            self._to_board(_behind(END, recent) if status == 0 else b"")

    def _interrupted(self, status: int) -> bool:
        """Ctrl-C ends no board: there it waits for the next instruction. Here it is a signal: it
        jumps out of the midst of one, or comes when the interpreter does not expect it."""
        fatal = status == 1 and FATAL in self._said[-CHUNK:]
        return self._stuck or fatal or status == -signal.SIGINT

    def _look(self) -> None:
        """Ends an interpreter that is to end, by a reset that came as it started, too."""
        waits = INTERRUPT in self._recent and _waits_in(self._process.pid).startswith("futex")
        self._stuck = self._stuck or waits  # its one thread: no other holds what it waits for
        if self._cut or self._stuck:
            self._process.kill()

    def _heard(self, data: bytes) -> None:
        self._said.extend(data)
        del self._said[:-SAID_MAX]
        self._note_mode()
        self._to_port(self.to_host(data))

    def _to_port(self, data: bytes) -> None:
        """As over USB: what nobody reads is lost after a moment, and the board goes on."""
        while data:
            patience_s = 0 if self._unread else UNREAD_S
            if not select.select((), (self._outer,), (), patience_s)[1]:
                self._unread = True
                return
            self._unread = False
            data = data[os.write(self._outer, data) :]

    def _note_mode(self) -> None:
        """By what the REPL says of itself: in frames there are bytes of all kinds."""
        recent = self._said[-2 * CHUNK :]  # more than a read brings
        raw, friendly = recent.rfind(RAW_SAYS), recent.rfind(FRIENDLY_SAYS)
        if raw != friendly:
            self._raw = raw > friendly

    def _start(self) -> None:
        self.starts += 1
        self._said = bytearray()
        self._raw = self._raw and not self._cut
        self._cut = False
        self._interpret("raw" if self._raw else "friendly")

    def _interpret(self, mode: str) -> None:
        self._inner, console = pty.openpty()
        _as_console(console)
        self._recent = b""
        self._stuck = False
        self._process = subprocess.Popen(
            (*micropython(), "-X", f"heapsize={self.heap}", "-i", str(START), mode),
            cwd=self.folder,
            stdin=console,
            stdout=console,
            stderr=console,
            start_new_session=True,
            preexec_fn=lambda: _own(console),
            env={**os.environ, "MICROPYPATH": f".:lib:.frozen{self._modules}"},
        )
        os.close(console)
        self._await_start()
        if self._raw:
            os.write(self._inner, b"\r" + RAW_REPL)

    def _await_start(self) -> None:
        """All that comes for the board meanwhile waits at its port, as for a real one."""
        select.select((self._inner,), (), (), WAIT_S)
        with contextlib.suppress(OSError):  # it has ended already, as the next read says, too
            first = os.read(self._inner, 1)
            if first != POWER_ON:
                self._heard(first)

    def _run(self) -> None:
        while self.pump(LOOK_S):
            self._look()


def _own(console: int) -> None:
    """Makes `console` the controlling terminal of this process, so that Ctrl-C reaches it."""
    import fcntl

    fcntl.ioctl(console, termios.TIOCSCTTY, 0)


def _behind(key: bytes, data: bytes) -> bytes:
    """Returns what follows the last `key` in `data`."""
    return data.rpartition(key)[2] if key in data else b""


def _waits_in(pid: int) -> str:
    """Returns what the system's kernel calls the place where a process waits; "" if unknown."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/wchan").read_text()
    return ""


def _as_console(fd: int) -> None:
    """Bytes pass as they are, but Ctrl-C is a signal, until the program turns that off; as on a
    board it loses none of the bytes that wait, neither those of the host nor those printed."""
    tty.setraw(fd)
    mode = termios.tcgetattr(fd)
    mode[3] |= termios.ISIG | termios.NOFLSH
    mode[6][termios.VQUIT] = mode[6][termios.VSUSP] = b"\0"
    termios.tcsetattr(fd, termios.TCSANOW, mode)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


if __name__ == "__main__":
    with Supervisor(Path(sys.argv[1]), *sys.argv[2:3]) as board:
        print(board.port, flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
