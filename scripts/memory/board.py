# Runs in the WebAssembly port before anything of a board is measured: what a board's firmware has
# and this port lacks. What it is called and how it reaches its peer stands here; the node that
# runs on it is the installed one. All room that this takes is taken before the first measurement.
#
# BOARD is (sys.platform, sys.implementation._machine, whether it has sockets, and asyncio).

import errno
import random
import sys

import ubinascii as binascii  # this port's own wrapper leaves 44 names in the table of names
import uos

import micropython

PLATFORM, MACHINE, SOCKETS, ASYNCIO = BOARD  # noqa: F821 - written above this
ROOM = 65536


class Like:
    """A module or an object of the firmware: what `own` has, and else what this port's has."""

    def __init__(self, real, **own):
        self._real = real
        for name, value in own.items():
            setattr(self, name, value)

    def __getattr__(self, name):
        return getattr(self._real, name)


class Console:
    """Both ends of the console: what the peer has sent waits here, what it is sent is gathered."""

    def __init__(self):
        self.inbox = bytearray(ROOM)
        self.at = self.stop = 0
        self.outbox = bytearray(ROOM)
        self.n = 0
        self.buffer = self

    def feed(self, data):
        self.inbox[: self.stop - self.at] = self.inbox[self.at : self.stop]
        self.stop -= self.at
        self.at = 0
        self.inbox[self.stop : self.stop + len(data)] = data
        self.stop += len(data)

    def readinto(self, view):
        n = min(len(view), self.stop - self.at)
        view[:n] = self.inbox[self.at : self.at + n]
        self.at += n
        return n

    def write(self, data):
        self.outbox[self.n : self.n + len(data)] = data
        self.n += len(data)
        return len(data)

    def taken(self):
        said = binascii.hexlify(memoryview(self.outbox)[: self.n]).decode()
        self.n = 0
        return said

    @property
    def ready(self):
        return self.at < self.stop


class Poll:
    """select.poll(): only the console is ever ready."""

    ready = ((0, 1),)

    def register(self, stream, mask=0):
        pass

    unregister = register

    def ipoll(self, timeout_ms=-1):
        return self.ready if console.ready else ()


class Socket:
    """A socket of a board without a network: it listens, and nothing ever comes."""

    ready = False

    def __init__(self, family=0, kind=0):
        pass

    def bind(self, address):
        pass

    setblocking = listen = bind

    def setsockopt(self, level, option, value):
        pass

    def sendto(self, data, address):
        raise OSError(113)

    def close(self):
        pass


class Noise:
    """machine.mem32 and machine.ADC of hardware that makes noise."""

    def __init__(self, channel=None):
        pass

    def __getitem__(self, address):
        return random.getrandbits(1)

    def read_u16(self):
        return random.getrandbits(16)


class Queue:
    """asyncio's queue of streams that tasks wait for, which this port has not: JavaScript waits
    there. One list for each stream, as MicroPython's own."""

    def __init__(self, core):
        self.core = core
        self.waiting = {}

    def queue_read(self, stream):
        self.waiting[id(stream)] = [self.core.cur_task, None, stream]
        self.core.cur_task.data = self

    queue_write = queue_read

    def remove(self, task):
        for key in [key for key, entry in self.waiting.items() if entry[0] is task]:
            del self.waiting[key]

    def look(self):
        for key in [key for key, entry in self.waiting.items() if entry[2].ready]:
            self.core._task_queue.push(self.waiting.pop(key)[0])


class App:
    """`app.py` of the least node: it keeps the loop, and lets its caller turn it from then on."""

    def turn(self, loop):
        self.loop = loop
        raise Paused


class Paused(Exception):
    pass


def urandom(n):
    return bytes([random.getrandbits(8) for _ in range(n)])


def no_address(host, port, family=0, kind=0):
    return ((0, 0, 0, "", (host, port)),)


def take_over():
    """After asyncio was imported: its tasks run when `turn` lets them, and not by JavaScript. A
    board loads the parts of asyncio that are asked for, and this port loads all."""
    import asyncio

    global core
    core = asyncio.core
    for names in ("funcs wait_for wait_for_ms gather", "lock Lock"):
        del sys.modules["asyncio." + names.split()[0]]
        for name in names.split():
            delattr(asyncio, name)
    core._io_queue = Queue(core)
    core._schedule_run_iter = lambda dt: None
    asyncio.run = asyncio.create_task


def turn():
    """One turn of what the board runs."""
    global said
    if core is not None:
        core._io_queue.look()
        core._run_iter()
    else:
        app.loop.run_once(0)
    said = console.taken()


console, core, app = Console(), None, App()
if not ASYNCIO:
    sys.modules["app"] = app
random.seed(1)
if not hasattr(micropython, "kbd_intr"):
    raise ImportError("kbd_intr")
implementation = Like(sys.implementation, _machine=MACHINE)
sys.modules["errno"] = Like(errno, ENOENT=44)  # as this port's file system has it
sys.modules["os"] = Like(uos, urandom=urandom)
sys.modules["select"] = Like(None, poll=Poll, POLLIN=1)
sys.modules["machine"] = Like(None, mem32=Noise(), ADC=Noise, Pin=int)
if SOCKETS:
    sys.modules["socket"] = Like(
        None,
        socket=Socket,
        getaddrinfo=no_address,
        AF_INET=2,
        SOCK_STREAM=1,
        SOCK_DGRAM=2,
        SOL_SOCKET=1,
        SO_REUSEADDR=2,
        SO_BROADCAST=32,
    )
sys.modules["sys"] = Like(
    sys, platform=PLATFORM, implementation=implementation, stdin=console, stdout=console
)
# A board has these in C and nothing more; this port wraps them in modules of its own, in Python.
for name in ("binascii", "collections", "io", "time"):
    sys.modules[name] = __import__("u" + name)
