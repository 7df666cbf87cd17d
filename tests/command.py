"""The command `dsoftbus` as a process of its own that starts in a fraction of the time.

Most of a command's start goes into imports, which are the same for every test. So one process
has these behind it and waits, and each command is a fork of it: with its arguments, environment,
folder and streams it runs the module of the command line anew, and ends as any Python does. A
test starts a small client (`command_client`), which passes signals on and ends as its command did.
One process waits for all workers of a run.
"""

import asyncio
import atexit
import contextlib
import ctypes
import gc
import importlib
import io
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

CLIENT = Path(__file__).with_name("command_client.py")
MODULE = "dsoftbus_host.cli.command"
LIBRARIES = """
    asyncio click click.shell_completion concurrent.futures.thread
    cryptography.hazmat.backends.openssl.backend cryptography.hazmat.primitives.asymmetric.ec
    cryptography.hazmat.primitives.asymmetric.padding
    cryptography.hazmat.primitives.ciphers.aead dataclasses encodings.idna html ifaddr
    logging platformdirs rich.live rich.logging rich.progress rich.table serial
    serial.tools.list_ports statistics
    dsoftbus.record.records dsoftbus_host.board.files dsoftbus_host.board.install
    dsoftbus_host.board.logs dsoftbus_host.board.provision dsoftbus_host.board.romfs
    dsoftbus_host.board.settings dsoftbus_host.board.watch dsoftbus_host.bridge.bridge
    dsoftbus_host.bus dsoftbus_host.files dsoftbus_host.storage.serving_note dsoftbus_sim.trial
"""  # beside what the command line imports at its start
# Whole: a session imports most of the first two, and all commands are of the last.
PACKAGES = ("dsoftbus", "dsoftbus_aio", "dsoftbus_host.cli")
WHERE = "DSOFTBUS_TEST_COMMANDS"  # in the environment: packages, and who waits with them
MACHINE = "DSOFTBUS_TEST_MACHINE"  # in the environment: the process whose namespaces it enters
PROGRAM = "DSOFTBUS_TEST_PROGRAM"  # in the environment: a file with another program
LENGTH = 8  # bytes, before a request
STREAMS = 3


class Waiting:
    """The process that waits; it ends with the one that started it."""

    def __init__(self, python_path: str) -> None:
        self._folder = tempfile.mkdtemp()
        self.path = f"{self._folder}/socket"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        start = (sys.executable, __file__, self.path)
        environment = {**os.environ, "PYTHONPATH": python_path}
        self._process = subprocess.Popen(start, start_new_session=True, env=environment, **pipes)
        if not self._process.stdout.readline():
            raise RuntimeError("no process waits for commands")
        atexit.register(self._end)

    def _end(self) -> None:
        self._process.communicate()
        shutil.rmtree(self._folder)


def share() -> None:
    """Has a process wait for this one and for all that it starts, if none does: other packages, as
    of a mutant, are another process's."""
    from portable import PYTHON_PATH  # which the process that waits need not load

    if os.environ.get(WHERE, "").split("|")[0] != PYTHON_PATH:
        os.environ[WHERE] = f"{PYTHON_PATH}|{Waiting(PYTHON_PATH).path}"


def quick_command(warning: str = "default") -> list:
    """Returns the first words of a command; its own follow. `warning` is what becomes of
    warnings."""
    share()
    path = os.environ[WHERE].split("|")[1]
    return [sys.executable, "-I", "-S", str(CLIENT), path, warning]


# In the process that waits


class Commands:
    """Those that run, by their process: the way to the client, or None once that is gone."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._running: dict = {}
        self._wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def next(self) -> list | None:
        """In a fork: what it is to run. In the process itself: None, at its end."""
        while True:
            ways = [way for way in self._running.values() if way]
            ready = select.select([0, self._listener, self._wake, *ways], (), ())[0]
            if 0 in ready:
                for pid in self._running:
                    os.kill(pid, signal.SIGKILL)
                return None
            for pid, way in list(self._running.items()):
                if way in ready:
                    self._pass_on(pid, way)
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._listener in ready and (request := self._fork()):
                return request

    def _pass_on(self, pid: int, way: socket.socket) -> None:
        said = way.recv(1)
        os.kill(pid, said[0] if said else signal.SIGKILL)
        if not said:
            way.close()
            self._running[pid] = None

    def _reap(self) -> None:
        for pid, way in list(self._running.items()):
            if (ended := os.waitpid(pid, os.WNOHANG))[0]:
                del self._running[pid]
                if way:
                    code = os.waitstatus_to_exitcode(ended[1])
                    way.send(code.to_bytes(4, "little", signed=True))
                    way.close()

    def _fork(self) -> list | None:
        way, _ = self._listener.accept()
        data, streams, _, _ = socket.recv_fds(way, 1 << 20, STREAMS)
        while len(data) < LENGTH or len(data) < LENGTH + int.from_bytes(data[:LENGTH], "little"):
            data += way.recv(1 << 20)
        pid = os.fork()
        if pid:
            for fd in streams:
                os.close(fd)
            self._running[pid] = way
            return None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in (self._listener, way, *self._running.values()):
            if other:
                other.close()
        for to, fd in enumerate(streams):
            os.dup2(fd, to)
            os.close(fd)
        return data[LENGTH:].split(b"\0")


def become(request: list) -> None:
    """`request`: warnings, folder, how many words, these, and the environment, where `PROGRAM`
    may name a file in place of the command line."""
    warning, folder, count, *rest = map(os.fsdecode, request)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(pair.split("=", 1) for pair in rest[int(count) :])
    enter_machine(os.environ.pop(MACHINE, ""))
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    program = os.environ.pop(PROGRAM, "")
    sys.path[:1] = [os.path.dirname(program) or folder, *filter(None, paths)]
    sys.argv = [program or MODULE, *rest[: int(count)]]
    _open_streams()
    _open_screens()
    if warning != "default":
        warnings.simplefilter(warning)
        sys.warnoptions.append(warning)
    try:
        if program:
            runpy.run_path(program, run_name="__main__")
        else:
            runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        leave(end.code)
        raise


def leave(status) -> None:
    """Ends this process as Python does, but for what it has of the one that waits, since to take
    all that apart would take longer than most commands. So it looks for what was left open.
    Returns where the end is Python's own: after words, and where a stream cannot be written."""
    threading._shutdown()
    atexit._run_exitfuncs()
    gc.collect()
    for thing in left_open():
        print(f"ResourceWarning: {thing!r} was left open", file=sys.stderr)
    if status is None or isinstance(status, int):
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit((status or 0) & 0xFF)


def left_open() -> list:
    """Returns all that this command made and has neither closed nor ended."""
    closed = {
        socket.socket: lambda it: it.fileno() < 0,
        asyncio.BaseTransport: lambda it: it.is_closing(),
        asyncio.AbstractEventLoop: lambda it: it.is_closed(),
        asyncio.Task: lambda it: it.done(),
        io.FileIO: lambda it: it.closed or not it.closefd,
    }
    return [
        thing
        for thing in gc.get_objects()
        for kind, is_closed in closed.items()
        if isinstance(thing, kind) and not is_closed(thing)
    ]


def enter_machine(pid: str) -> None:
    """Gives this process the network and the host's name of another (`machines`)."""
    for kind in ("net", "uts") if pid else ():
        fd = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(fd, 0):
            raise OSError(ctypes.get_errno(), f"setns {kind}")
        os.close(fd)


def _open_streams() -> None:
    """Anew on what has these numbers now, as Python does at its start."""
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    for fd, name in ((1, "stdout"), (2, "stderr")):
        old = getattr(sys, name)
        raw = io.FileIO(fd, "w", closefd=False)
        new = io.TextIOWrapper(
            raw if unbuffered else io.BufferedWriter(raw),
            old.encoding,
            old.errors,
            line_buffering=fd == 2 or os.isatty(fd),
            write_through=unbuffered,
        )
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


def _open_screens() -> None:
    """Anew: of all that is imported, only these have looked at the environment."""
    common = importlib.import_module("dsoftbus_host.cli.common")
    common.console.__init__()
    common.errors.__init__(stderr=True)


def modules_of_packages() -> list:
    packages = [importlib.import_module(name) for name in PACKAGES]
    return [
        module.name
        for package in packages
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]


def wait(path: str) -> list | None:
    for name in (MODULE, *LIBRARIES.split(), *modules_of_packages()):
        importlib.import_module(name)
    del sys.modules[MODULE]  # it runs as a program, in each fork
    importlib.import_module("linked_once").share()
    gc.collect()
    gc.freeze()  # a fork then shares what it does not change
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("waits", flush=True)
    return Commands(listener).next()


if __name__ == "__main__":
    wanted = wait(sys.argv[1])
    if wanted:
        become(wanted)
