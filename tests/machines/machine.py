"""Machines for tests: network namespaces on one switch, each with a host's name and a user's home.

A machine is a process that waits and holds the namespaces. They vanish with it, and so does every
interface in them: nothing is left behind, whatever becomes of the test.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from command import MACHINE, quick_command
from commands import clean, environment
from machines.terminal import Terminal
from nodes import environment as micropython_environment
from portable import ROOT, TIMEOUT_S, micropython

LAN = "192.0.2"  # TEST-NET-1 of RFC 5737
NAMESPACES = ("net", "uts")
SLOWLY = "rate 16mbit burst 32kb latency 50ms"
HOLD = 'hostname "$0" && echo held && exec cat'


class Machine:
    """A context manager; its folder is the user's home, and where commands run."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home

    def __enter__(self) -> Machine:
        words = ("unshare", *(f"--{kind}" for kind in NAMESPACES), "sh", "-c", HOLD, self.name)
        pipe = subprocess.PIPE
        self._holder = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe)
        self.pid = self._holder.pid
        if not self._holder.stdout.readline():
            raise RuntimeError(self._holder.communicate()[1].decode().strip())
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.communicate()

    @property
    def settings(self) -> Path:
        """The folder of the user's node."""
        return self.home / ".config" / "dsoftbus"

    def ip(self, *lines: str) -> None:
        """Each line is a command of iproute2."""
        self._inside("ip", "-batch", "-", text="\n".join(lines))

    def run(self, command: str) -> subprocess.CompletedProcess:
        """A command line to its end, which has to be a clean one."""
        words, environ = self._started(command)
        options = {"capture_output": True, "text": True, "timeout": TIMEOUT_S, "check": False}
        done = subprocess.run(words, cwd=self.home, env=environ, **options)
        clean(done.stderr)
        return done

    def spawn(self, command: str, columns: int = 80) -> Terminal:
        """A command line on a terminal of its own; a context manager."""
        words, environ = self._started(command)
        return Terminal(words, self.home, environ, columns)

    def add_ipv4(self, number: int) -> None:
        """Gives it 192.0.2.N on `v0`, and the way to everywhere."""
        self.ip(f"addr add {LAN}.{number}/24 broadcast + dev v0", "route add default dev v0")

    def move(self, before: int, now: int) -> None:
        """Its address changes, as when its lease has run out."""
        self.ip(f"addr del {LAN}.{before}/24 dev v0")
        self.add_ipv4(now)

    def slow_down(self) -> None:
        """It sends, from now on, at most 2 MB/s on `v0`, so that a transfer has a middle."""
        self._inside(*shlex.split(f"tc qdisc replace dev v0 root tbf {SLOWLY}"))

    def _inside(self, *words: str, text: str = "") -> str:
        done = subprocess.run(
            (*self._enter(), *words), input=text, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def _enter(self) -> list[str]:
        paths = (f"--{kind}=/proc/{self.pid}/ns/{kind}" for kind in NAMESPACES)
        return ["nsenter", *paths, "--"]

    def _started(self, command: str) -> tuple[list[str], dict[str, str]]:
        """The words to start a process with, and its environment."""
        program, *words = shlex.split(command)
        if ">" in words:
            program, words = "sh", ["-c", command]
        if program == "dsoftbus":
            return [*quick_command("error"), *words], self._environment(**{MACHINE: str(self.pid)})
        if program == "micropython":
            modules = micropython_environment()["MICROPYPATH"]
            return [*self._enter(), *micropython(), *words], self._environment(MICROPYPATH=modules)
        program = {"python": sys.executable}.get(program, program)
        return [*self._enter(), program, *words], self._environment()

    def _environment(self, **more: str) -> dict[str, str]:
        own = environment(HOME=str(self.home), TERM="xterm", **more)
        del own["COLUMNS"]  # a terminal knows how wide it is
        return {name: value for name, value in own.items() if not name.startswith("XDG_")}


class Network:
    """Switches, and the machines on them; a context manager, which ends them all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._machines: list[Machine] = []
        self._switches: list[str] = []
        self._ports = 0

    def __enter__(self) -> Network:
        self._stack = ExitStack()
        self._switch = self._stack.enter_context(Machine("switch", ROOT))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def machine(self, name: str) -> Machine:
        """A new one, with the addresses 192.0.2.N and fe80::N on `v0`; N counts from 1."""
        machine = self.bare_machine(name)
        number = len(self._machines)
        self.plug(machine, "v0", number)
        machine.add_ipv4(number)
        return machine

    def bare_machine(self, name: str) -> Machine:
        """A new one that has loopback and nothing else."""
        home = self._folder / name
        home.mkdir()
        machine = self._stack.enter_context(Machine(name, home))
        machine.ip("link set lo up")
        self._machines.append(machine)
        return machine

    def plug(self, machine: Machine, interface: str, number: int, switch: str = "br0") -> None:
        """Gives it an interface on a switch, with the address fe80::N there."""
        self._ports += 1
        port = f"p{self._ports}"
        self._switch.ip(
            f"link add {port} type veth peer name {interface} netns {machine.pid}",
            *self._made(switch),
            f"link set {port} master {switch} up",
        )
        machine.ip(
            f"link set {interface} addrgenmode none up",
            f"addr add fe80::{number}/64 dev {interface} nodad",
        )

    def _made(self, switch: str) -> tuple[str, ...]:
        if switch in self._switches:
            return ()
        self._switches.append(switch)
        return (f"link add {switch} type bridge mcast_snooping 0", f"link set {switch} up")


def missing(folder: Path) -> str:
    """Returns why this system has no machines for tests, or "" where it has. `folder` is empty."""
    try:
        with Network(folder) as network:
            network.machine("probe").slow_down()
            return ""
    except (OSError, RuntimeError) as error:
        return f"no network of machines could be made: {error}"
