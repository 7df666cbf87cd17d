"""The owner of a victim: pairs, allows, denies and unpairs, as the owner of each kind does it.

A host's owner runs commands on the trust store, each a process of its own; the node follows the
file. A MicroPython node takes lines on its standard input.
"""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import Any

from attack.victim import LIMIT_S, HostVictim, MicroPythonVictim, Victim
from command import quick_command
from dsoftbus.const import HOST
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_host.discovery.interfaces import LOOPBACK
from free_ports import free_port


def run(*words: object, fails: bool = False, text: str | None = None) -> str:
    """A whole `dsoftbus` command, to its end; what it printed."""
    done = subprocess.run(
        [*quick_command(), *map(str, words)],
        input=text,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    assert (done.returncode != 0) == fails, said
    return said


def store_with(path: Path, *peers: tuple, rules: tuple = ()) -> Path:
    """A trust store with `(public key, name, grants)` of each peer."""
    store = TrustStore(HOST)
    for public, name, grants in peers:
        store.add(Entry(public, name, [grant(text) for text in grants], 1700000000))
    for text in rules:
        store.add_rule(rule(text))
    path.write_text(store.encode())
    path.chmod(0o600)
    return path


class Owner:
    """Starts a victim of `kind` with the trust store at `trust`, and acts on it."""

    def __init__(self, kind: type[Victim], folder: Path, trust: Path) -> None:
        self.trust = trust
        self.key_path = trust.with_name("own.key")
        self.is_host = kind is HostVictim
        self.victim = self._make(kind, folder)

    def _make(self, kind: type[Victim], folder: Path) -> Victim:
        if self.is_host:
            return HostVictim(folder, trust=str(self.trust), key_path=str(self.key_path))
        port = free_port()
        files = ("--key", self.key_path, "--trust", self.trust, "--name", "victim")
        where = ("--host", "127.0.0.1", "--broadcast", LOOPBACK.broadcast, "--discovery", port)
        return MicroPythonVictim.running(folder, "node", *files, *where)

    def __enter__(self) -> Owner:
        self.victim.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self.victim.__exit__(*exc)

    def unpair(self, who: str) -> None:
        if self.is_host:
            run("unpair", who, "--trust", self.trust)
        else:
            self.victim.say(f"unpair {who}")

    def allow(self, who: str, name: str) -> None:
        self._rule("allow", who, name)

    def deny(self, who: str, name: str) -> None:
        self._rule("deny", who, name)

    def _rule(self, effect: str, who: str, name: str) -> None:
        if self.is_host:
            run(effect, who, name, "--trust", self.trust)
        else:
            self.victim.say(f"{effect} {who} in {name}")

    def until_gone(self, public: bytes) -> None:
        self.victim.wait_for(lambda report: device_id(public) not in report["trusted"])


def at_once(*actions) -> list:
    """Runs all of these in threads; what they raised."""
    raised: list = []

    def guarded(action) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - told to the caller
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised
