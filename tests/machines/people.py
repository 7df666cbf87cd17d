"""People at machines: two who pair, and one who serves."""

from __future__ import annotations

from pathlib import Path

from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import BareBus, key_file
from dsoftbus_host.storage.trust_file import StoreFile
from machines.machine import Machine
from machines.terminal import Terminal

KEY = "[0-9a-f]{64}"
INTERRUPTED = 130
QUESTION = "[y/N]: "


def digits_of(terminal: Terminal) -> str:
    terminal.until(QUESTION)
    return terminal.digits


def agree(*terminals: Terminal) -> None:
    for terminal in terminals:
        terminal.until(QUESTION)
    for terminal in terminals:
        terminal.types("y\n")


def pair(one: Machine, other: Machine, one_says: str = "", other_says: str | None = None) -> None:
    """Both give `dsoftbus pair`, compare the digits, and agree; by default the other names one."""
    named = one.name if other_says is None else other_says
    with (
        one.spawn(f"dsoftbus pair {one_says}") as here,
        other.spawn(f"dsoftbus pair {named}") as there,
    ):
        assert digits_of(here) == digits_of(there)
        agree(here, there)
        assert (here.status(), there.status()) == (0, 0), (here.said, there.said)
        assert f"paired with {other.name} (" in here.said
        assert f"paired with {one.name} (" in there.said


def acquaint(one: Machine, other: Machine) -> None:
    """Writes into the files of each what two have once they are paired."""
    for here, there in ((one, other), (other, one)):
        public = BareBus(key_file.load_or_make(there.settings / "node.key")).public
        here.settings.mkdir(parents=True, exist_ok=True)
        with StoreFile(here.settings / "trust.json").change() as store:
            store.add(Entry(public, there.name, [grant("allow both *")]))


class Serving:
    """`dsoftbus serve` on a machine, as it is without options unless some are given."""

    def __init__(self, machine: Machine, options: str = "") -> None:
        self._command = machine.spawn(f"dsoftbus serve {options}", columns=200)

    def __enter__(self) -> Serving:
        self.terminal = self._command.__enter__()
        self.address = self.terminal.find(rf"({KEY}@\S+)\n")[1]
        self.key, _, self.place = self.address.partition("@")
        self.id, folder = self.terminal.find(r"(\S+) serves (\S+)").groups()
        self.folder = Path(folder)
        return self

    def __exit__(self, *exc: object) -> None:
        self._command.__exit__(*exc)

    def interrupt(self) -> str:
        """Ctrl-C; all that it has said."""
        assert self.terminal.interrupt() == INTERRUPTED, self.terminal.said
        return self.terminal.said
