"""The commands of a page, run on machines in the page's order, with a person before each.

A command starts when those before it have ended, or wait: for a peer, or for Ctrl-C. The answer
that the page shows behind a question is typed there, and Ctrl-C at the end of the section.
"""

from __future__ import annotations

import hashlib
import re
import select
from collections.abc import Callable
from contextlib import ExitStack
from itertools import groupby

from dsoftbus.base.key_file import encode_secret
from machines.machine import Machine, Network
from machines.pages import Block, Shown, blocks, commands
from machines.terminal import INTERRUPT, Terminal
from portable import TIMEOUT_S

# Each run says these in its own way: who of two waits for the other to agree, digits, the day and
# the time of day, how fast and how long.
VARIES = (
    (re.compile(r"^waiting for the person at \w+ to agree, too\n", re.MULTILINE), ""),
    (re.compile(r"^\d{3} \d{3}$", re.MULTILINE), "402 917"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "2026-01-31"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "12:34:56"),
    (re.compile(r"(\?|[\d.]+ \w*B/s) \d+:\d\d:\d\d$", re.MULTILINE), "? 0:00:00"),
)

LEFT_OUT = "..."


def secret_of(name: str) -> bytes:
    """The secret of the node of a machine of this name, on every page: its id is always the
    same."""
    return hashlib.sha256(name.encode()).digest()


class Running:
    """A command of a page, on its terminal."""

    def __init__(self, shown: Shown, terminal: Terminal) -> None:
        self.shown = shown
        self.terminal = terminal
        self.ended = False
        self._answered = 0
        self._heard = 0  # characters, when the last answer was typed

    @property
    def serves(self) -> bool:
        """It has begun, and goes on until Ctrl-C."""
        return self.shown.runs_on and "\n" in self.terminal.said

    def lets(self, machine: str) -> bool:
        """The next command may be typed at `machine`: at its own only where it has ended or
        serves, at another one as soon as it waits for somebody there."""
        asks = bool(self.shown.answers) and "\n" in self.terminal.said
        return self.ended or self.serves or (asks and machine != self.shown.machine)

    @property
    def told(self) -> bool:
        """It has printed as many lines as the page shows of it, up to those that it leaves out."""
        shown = self.shown.output[:-1]
        lines = shown.index(LEFT_OUT) if LEFT_OUT in shown else len(shown)
        return self.ended or (self.serves and self.terminal.said.count("\n") >= lines)

    def hear(self) -> None:
        self.ended = not self.terminal.read()

    def answer(self) -> bool:
        """Types what the page shows behind the question that is there; whether nothing is left to
        answer, and something was said since."""
        for question, answer in self.shown.answers[self._answered :][:1]:
            if self.terminal.said.count(question) > self._answered:
                self._answered += 1
                self.terminal.types(f"{answer}\n")
                self._heard = len(self.terminal.said) + len(answer) + 1
        answered = self._answered == len(self.shown.answers)
        return self.ended or (answered and len(self.terminal.said) > self._heard)


class Story:
    """The course of a page; its machines are made as they are named."""

    def __init__(self, network: Network, instead: dict[str, str] | None = None) -> None:
        self._network = network
        self._machines: dict[str, Machine] = {}
        self._instead = instead or {}  # what a page says -> what it is here

    def tell(self, text: str) -> list[tuple[Block, list[str]]]:
        """Runs all blocks of a page; returns those with commands, each with the lines that it is
        to have."""
        told = []
        for _, section in groupby(blocks(text), key=lambda block: block.section):
            told += self._tell_section(list(section))
        return told

    def _tell_section(self, section: list[Block]) -> list[tuple[Block, list[str]]]:
        running: list[Running] = []
        shown: list[tuple[Block, list[Running]]] = []
        with ExitStack() as stack:
            for block in section:
                if block.kind == "python":
                    self._write(block)
                elif block.kind == "console":
                    first = len(running)
                    for each in commands(block):
                        self._turn_of(each.machine, running)
                        terminal = self._machine(each.machine).spawn(self._here(each.line))
                        running.append(Running(each, stack.enter_context(terminal)))
                    shown.append((block, running[first:]))
            _end(running)
            return [(block, self._lines(those)) for block, those in shown]

    def _turn_of(self, machine: str, running: list[Running]) -> None:
        """Waits until somebody would type the next command there."""
        _until(running, lambda: all(one.lets(machine) for one in running))

    def _machine(self, name: str) -> Machine:
        if name not in self._machines:
            machine = self._machines[name] = self._network.machine(name)
            machine.settings.mkdir(parents=True)
            key = machine.settings / "node.key"
            key.touch(0o600)
            key.write_bytes(encode_secret(secret_of(name)))
        return self._machines[name]

    def _write(self, block: Block) -> None:
        name, _, file = block.place.partition("/")
        text = "".join(f"{line}\n" for line in block.lines)
        (self._machine(name).home / file).write_text(self._here(text))

    def _here(self, text: str) -> str:
        for word, instead in self._instead.items():
            text = text.replace(word, instead)
        return text

    def _lines(self, those: list[Running]) -> list[str]:
        lines = []
        for running in those:
            lines.append(f"{running.shown.machine}$ {running.shown.line}")
            said = [line.rstrip() for line in self._said(running).splitlines()]
            lines += shortened(said, running.shown.output)
        return lines

    def _said(self, running: Running) -> str:
        """Returns its output, as every run has it."""
        said = running.terminal.said.rstrip()
        for machine in self._machines.values():
            said = said.replace(str(machine.home), "~")
        for word, instead in self._instead.items():
            said = said.replace(instead, word)
        for pattern, instead in VARIES:
            said = pattern.sub(instead, said)
        return said


def shortened(said: list[str], shown: list[str]) -> list[str]:
    """`said`, without the lines for which the page has `...`: those up to the line that it has
    next, or the last ones."""
    kept: list[str] = []
    rest = said
    for before, line in zip([None, *shown], shown, strict=False):
        if before == LEFT_OUT:
            rest = rest[rest.index(line) :] if line in rest else rest
        kept += [LEFT_OUT] if line == LEFT_OUT else rest[:1]
        rest = rest if line == LEFT_OUT else rest[1:]
    return kept if LEFT_OUT in shown else said


def _end(running: list[Running]) -> None:
    """Waits for those that end by themselves, then ends the others."""
    _until(running, lambda: all(one.told for one in running))
    for one in running:
        if not one.ended:
            one.terminal.types(INTERRUPT)
    _until(running, lambda: all(one.ended for one in running))


def _until(running: list[Running], come: Callable[[], bool]) -> None:
    while not come():
        live = {one.terminal: one for one in running if not one.ended}
        ready = select.select(list(live), (), (), TIMEOUT_S)[0]
        assert ready, [one.terminal.said for one in live.values()]
        for terminal in ready:
            live[terminal].hear()
        all(one.answer() for one in running)  # one after the other, so that all runs are alike
