"""`dsoftbus board token`: over the cable the board gets its identity, whom it trusts and a token;
the first contact over its network is trusted then, and others pair with it by the invitation."""

import asyncio
import errno
import hashlib
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from board.supervisor import Supervisor
from dsoftbus.base.key_file import decode_secret
from dsoftbus.errors import BAD_STATE, NOT_PAIRED, LocalError
from dsoftbus.trust import invitation
from dsoftbus_host import key_file
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import remote
from dsoftbus_host.cli.command import main
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from portable import TIMEOUT_S


class Laptop:
    """A node of a host: its files, and its commands."""

    def __init__(self, folder: Path, discovery_port: int = 0) -> None:
        folder.mkdir()
        self.key, self.trust = folder / "key", folder / "trust"
        self._files = ("--key", str(self.key), "--trust", str(self.trust))
        self._place = ("--interface", "127.0.0.1/8", "--discovery-port", str(discovery_port))

    def run(self, *words: str, fails: bool = False) -> str:
        place = self._place if words[0] == "pair" else ()
        result = CliRunner().invoke(main, [*words, *place, *self._files])
        assert (result.exit_code != 0) == fails, result.output
        return result.output

    async def echoed(self, link: str, port: int, public: bytes) -> bytes:
        """Returns the answer of the board's echo over its network: no pairing, no token."""
        async with (
            BareBus(key_file.load_or_make(self.key)) as bus,
            await bus.connect("127.0.0.1", port, public, link=link) as connection,
            await connection.open("echo") as stream,
        ):
            await stream.write(b"hello")
            return await stream.readexactly(5)

    def talks(self, *args) -> bool:
        return asyncio.run(asyncio.wait_for(self.echoed(*args), TIMEOUT_S)) == b"hello"

    def refusal(self, *args) -> int:
        """The code with which the board refuses it."""
        with pytest.raises(Exception) as refused:
            self.talks(*args)
        return refused.value.peer_code


class Hall:
    """A board with a network of its own, set up."""

    def __init__(self, flash: Path, link: str, discovery: int = 0) -> None:
        self.flash = flash
        self.port = free_port()
        settings = json.loads((flash / "config.json").read_text())
        settings |= {"name": "hall", "link": link, "port": self.port}
        settings |= {"discovery": discovery or False, "broadcast": "127.255.255.255"}
        (flash / "config.json").write_text(json.dumps(settings))

    def trusted(self) -> str:
        return (self.flash / "trust.json").read_text()


def key_in(said: str) -> bytes:
    return bytes.fromhex(re.search(r"\b[0-9a-f]{64}\b", said)[0])


def uri_in(said: str) -> str:
    return re.search(r"^dsoftbus:\S+$", said, re.MULTILINE)[0]


@pytest.mark.parametrize("link", ["tcp", "udp"])
def test_the_first_contact_over_the_network_is_trusted(flash, tmp_path, link):
    hall, laptop, phone = Hall(flash, link), Laptop(tmp_path / "1"), Laptop(tmp_path / "2")
    with Supervisor(flash, heap="400k") as board:
        said = laptop.run("board", "token", board.port, "--address", "127.0.0.1")
        public, uri = key_in(said), uri_in(said)
        assert "hall" in said and "▀" in said  # the QR code
        place = (link, hall.port, public)
        assert laptop.talks(*place)
        assert phone.refusal(*place) == NOT_PAIRED
        assert "paired with hall" in phone.run("pair", uri)
        assert phone.talks(*place)
        board.reset()
        board.wait_for(b"started")
        assert phone.talks(*place) and laptop.talks(*place)
    assert len(json.loads(hall.trusted())["peers"]) == 2
    assert [entry.name for entry in StoreFile(phone.trust).store] == ["hall"]


def test_an_invitation_without_an_address_finds_the_board_by_discovery(flash, tmp_path):
    discovery = free_port()
    Hall(flash, "auto", discovery)
    laptop, phone = Laptop(tmp_path / "1"), Laptop(tmp_path / "2", discovery)
    with Supervisor(flash, heap="400k") as board:
        uri = uri_in(laptop.run("board", "token", board.port))
        assert "127.0.0.1" not in uri
        assert "paired with hall" in phone.run("pair", uri)


def test_invitations_are_renewed_and_withdrawn(flash, tmp_path):
    hall, laptop = Hall(flash, "tcp"), Laptop(tmp_path / "1")
    with Supervisor(flash, heap="400k") as board:
        token = ("board", "token", board.port, "--address", "127.0.0.1")
        first = uri_in(laptop.run(*token))
        assert uri_in(laptop.run(*token)) == first  # shown again
        second = uri_in(laptop.run(*token, "--new"))
        assert second != first
        stranger = Laptop(tmp_path / "2")
        stranger.run("pair", first, fails=True)
        assert hall.trusted().count('"id"') == 1
        assert "it takes no invitations" in laptop.run(*token, "--withdraw")
        stranger.run("pair", second, fails=True)
        assert hall.trusted().count('"id"') == 1


def test_grants_hold_for_who_is_let_in_over_the_cable(flash, tmp_path):
    Hall(flash, "tcp")
    laptop = Laptop(tmp_path / "1")
    with Supervisor(flash, heap="400k") as board:
        laptop.run("board", "token", board.port, "--grant", "allow in sensor/*")
    (entry,) = json.loads((flash / "trust.json").read_text())["peers"]
    assert entry["grants"] == ["allow in sensor/*", "allow in logs"]


def test_no_secret_of_the_board_passes_the_cable(flash, tmp_path):
    Hall(flash, "tcp")
    laptop, passed = Laptop(tmp_path / "1"), []

    def listen(data: bytes) -> bytes:
        passed.append(data)
        return data

    with Supervisor(flash, heap="400k") as board:
        board.to_host = board.to_board = listen
        laptop.run("board", "token", board.port)
    secret = decode_secret((flash / "dsoftbus.key").read_bytes())
    everything = b"".join(passed)
    assert BareBus(secret).public.hex().encode() in everything
    for shape in (secret, secret.hex().encode(), repr(secret)[2:-1].encode()):
        assert shape not in everything
    assert decode_secret(laptop.key.read_bytes()).hex().encode() not in everything


def test_the_token_file_holds_the_key_and_the_token(flash, tmp_path):
    laptop = Laptop(tmp_path / "1")
    with Supervisor(flash, heap="400k") as board:
        uri = uri_in(laptop.run("board", "token", board.port))
    held = (flash / "dsoftbus.token").read_bytes()
    token = invitation.decode(uri).token
    assert held == hashlib.sha256(b"dsoftbus-token-1" + token).digest() + token


class Failing:
    """Lets the `at`-th of all that a Remote does fail once, before it is done or after."""

    STEPS = ("run", "read", "write", "remove")

    def __init__(self, monkeypatch, at: int, done: bool, lasting: bool = False) -> None:
        self.left, self.done, self.lasting, self.felt = at, done, lasting, False
        for name in self.STEPS:
            monkeypatch.setattr(remote.Remote, name, self._wrapped(getattr(remote.Remote, name)))

    def _wrapped(self, step):
        def run(there, *args):
            if self._steps_inside:
                return step(there, *args)
            self._steps_inside = True
            try:
                return self._run(step, there, *args)
            finally:
                self._steps_inside = False

        return run

    _steps_inside = False  # `write` calls `run`

    def _run(self, step, there, *args):
        fails = self.left == 0 or (self.felt and self.lasting)
        self.left -= 1
        if fails and not self.done:
            self.felt = True
            raise LocalError(BAD_STATE, "the board says: MemoryError")
        said = step(there, *args)
        if fails:
            self.felt = True
            raise LocalError(BAD_STATE, "the board says: MemoryError")
        return said


def trusting(flash: Path, laptop: Laptop) -> tuple[bool, bool]:
    """Returns whether the board trusts the laptop, and the laptop the board."""
    held = flash / "trust.json"
    board = (
        BareBus(decode_secret((flash / "dsoftbus.key").read_bytes())) if held.exists() else None
    )
    public = BareBus(decode_secret(laptop.key.read_bytes())).public.hex()
    known = laptop.trust.exists() and len(StoreFile(laptop.trust).store) > 0
    return board is not None and public in held.read_text(), known


@pytest.mark.parametrize("done", [False, True])
def test_both_trust_each_other_or_neither_whatever_step_fails(flash, tmp_path, monkeypatch, done):
    laptop, at = Laptop(tmp_path / "1"), 0
    with Supervisor(flash, heap="400k") as board:
        while True:
            with monkeypatch.context() as patched:
                failing = Failing(patched, at, done)
                words = ("board", "token", board.port, *laptop._files)
                result = CliRunner().invoke(main, [*words])
            both = trusting(flash, laptop)
            if not failing.felt:
                break
            assert result.exit_code, result.output
            assert both == (False, False), (at, result.output)
            assert not (flash / "dsoftbus.token").exists()
            at += 1
        assert result.exit_code == 0 and both == (True, True), result.output
    assert at > 7


def test_what_the_board_trusted_before_comes_back(flash, tmp_path, monkeypatch):
    laptop = Laptop(tmp_path / "1")
    with Supervisor(flash, heap="400k") as board:
        laptop.run("board", "token", board.port, "--grant", "allow in sensor/*")
        names = ("trust.json", "dsoftbus.token")
        before = [(flash / name).read_bytes() for name in names]

        def full(self) -> None:
            raise OSError(errno.ENOSPC, "no space")

        with monkeypatch.context() as patched:
            patched.setattr(StoreFile, "_write", full)
            laptop.run("board", "token", board.port, "--new", fails=True)
        assert [(flash / name).read_bytes() for name in names] == before


def test_a_board_that_cannot_be_put_back_is_named(flash, tmp_path, monkeypatch):
    laptop = Laptop(tmp_path / "1")
    with Supervisor(flash, heap="400k") as board:
        Failing(monkeypatch, 7, True, lasting=True)
        said = laptop.run("board", "token", board.port, fails=True)
    assert "it may trust this node" in " ".join(said.split())
