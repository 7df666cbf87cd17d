"""The commands of discovery and trust, as a person gives them; all on loopback."""

import asyncio
import contextlib
import io
import json
import os
import sys

import pytest
from click.testing import CliRunner

from dsoftbus.const import ANYONE, EV_PAIR_DIGITS, EV_PAIRED, LINK_STREAM
from dsoftbus.discovery.announce import FLAG_PAIRING, FLAG_TOKEN
from dsoftbus.errors import NOT_PAIRED, BusError
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.invitation import Invitation, decode, psk
from dsoftbus.trust.store import Entry
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.bus import Bus
from dsoftbus_host.cli import discover, pair
from dsoftbus_host.cli.command import main
from dsoftbus_host.cli.terminal.screen import Screen
from dsoftbus_host.clock import now_ms
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage import trust_file
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from portable import TIMEOUT_S


@pytest.fixture
def trust(tmp_path):
    """A store with one peer, `hall`."""
    file = StoreFile(tmp_path / "trust.json")
    file.store.add(Entry(b"\1" * 32, "hall", [grant("allow in echo")], 1700000000))
    file.save()
    return file.path


def run(*words, input=None, fails=False) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words], input=input)
    assert (result.exit_code != 0) == fails, result.output
    return result.output


def rules(path) -> list:
    return [str(rule) for rule in StoreFile(path).store.rules]


def test_peers_are_listed(trust):
    shown = run("peers", "--trust", trust)
    assert "hall" in shown
    assert "allow in echo" in shown
    assert "2023-11-1" in shown
    assert "nobody is trusted" in run("peers", "--trust", trust.with_name("none.json"))


def test_a_peer_is_unpaired_by_its_name(trust):
    assert "hall is no longer trusted" in run("unpair", "hall", "--trust", trust)
    assert len(StoreFile(trust).store) == 0
    assert "no trusted peer has that name" in run("unpair", "hall", "--trust", trust, fails=True)


def test_what_was_allowed_goes_with_a_peer_and_what_was_denied_is_said(trust):
    device = next(iter(StoreFile(trust).store)).id
    run("allow", "hall", "sensor/*", "--trust", trust)
    run("deny", "hall", "secret", "--trust", trust)
    said = run("unpair", "hall", "--trust", trust)
    assert f"this stays: deny in {device} secret" in said
    assert rules(trust) == [f"deny in {device} secret"]
    stranger = device_id(b"\7" * 32)
    run("allow", stranger, "echo", "--trust", trust)  # by its whole id, and never paired
    run("unpair", stranger, "--trust", trust)
    assert rules(trust) == [f"deny in {device} secret"]
    run("deny", device, "secret", "--remove", "--trust", trust)
    assert rules(trust) == []


def test_a_name_that_two_have_is_an_error_that_names_them(trust):
    file = StoreFile(trust)
    for n in (2, 3):
        file.store.add(Entry(bytes((n,)) * 32, "twin"))
    file.save()
    before = trust.read_text()
    options = ("--trust", trust, "--key", trust.with_name("own.key"))
    commands = (
        ("unpair", "twin", *options[:2]),
        ("allow", "twin", "x", *options[:2]),
        ("deny", "twin", "x", *options[:2]),
        ("send", trust, "twin", *options),
        ("fetch", "x", "twin", "--dir", trust.parent, *options),
    )
    for words in commands:
        said = run(*words, fails=True)
        assert "trust.reject.ambiguous_name" in said, words
        for n in (2, 3):
            assert device_id(bytes((n,)) * 32) in said
    assert trust.read_text() == before


def test_a_ground_beginning_of_an_id_takes_no_name_over(trust):
    entry = next(iter(StoreFile(trust).store))
    file = StoreFile(trust)
    file.store.add(Entry(b"\2" * 32, entry.id[:5]))  # a peer that is called as another's id begins
    file.store.add(Entry(b"\3" * 32, "lamp"))
    file.save()
    run("allow", entry.id[:6], "x", "--trust", trust)
    run("allow", entry.id[:5], "y", "--trust", trust)  # an exact name comes first
    other = device_id(b"\2" * 32)
    assert rules(trust) == [f"allow in {entry.id} x", f"allow in {other} y"]
    for beginning in ("", entry.id[:3], "h", "ha"):
        assert "no trusted peer has that name" in run(
            "unpair", beginning, "--trust", trust, fails=True
        )


def test_rules_come_and_go(trust):
    device = next(iter(StoreFile(trust).store)).id
    run("allow", "hall", "sensor/*", "--trust", trust)
    run("deny", "*", "secret", "--direction", "both", "--trust", trust)
    run("allow", "paired", "clock", "--trust", trust)
    assert rules(trust) == [
        f"allow in {device} sensor/*",
        "deny both * secret",
        "allow in paired clock",
    ]
    run("allow", "hall", "sensor/*", "--remove", "--trust", trust)
    assert len(rules(trust)) == 2
    assert "no rule" in run("allow", "paired", "x", "--remove", "--trust", trust, fails=True)
    assert "no trusted peer has that name" in run(
        "allow", "cellar", "x", "--trust", trust, fails=True
    )
    assert "local.bad_argument" in run("allow", "paired", "a*b", "--trust", trust, fails=True)


def test_a_store_moves_to_another_machine(trust, tmp_path):
    moved = tmp_path / "moved.json"
    exported = tmp_path / "exported.json"
    run("trust", "export", exported, "--trust", trust)
    shown = run("trust", "import", exported, "--trust", moved, input="n\n", fails=True)
    assert "trust    hall (" in shown and "which may: allow in echo" in shown
    assert not moved.exists()
    assert "1 entries" in run("trust", "import", exported, "--trust", moved, input="y\n")
    assert "nothing there is new" in run("trust", "import", exported, "--trust", moved)
    assert moved.read_text() == trust.read_text() == run("trust", "export", "--trust", trust)
    exported.write_text(exported.read_text().replace("hall", "hell"))
    assert "trust.store.damaged" in run("trust", "import", exported, "--trust", moved, fails=True)
    assert moved.read_text() == trust.read_text()


def test_an_import_shows_what_it_would_do_rules_and_all(trust, tmp_path):
    other = StoreFile(tmp_path / "other.json")
    other.store.add(Entry(b"\1" * 32, "hall", [grant("allow both *")], 1700000000))
    other.store.add(Entry(b"\2" * 32, "attic"))
    other.store.add_rule(rule("allow in * *"))
    other.save()
    before = trust.read_text()
    said = run("trust", "import", other.path, "--trust", trust, input="\n", fails=True)
    assert "which may: allow both * (now: allow in echo)" in said
    assert f"attic ({device_id(bytes([2]) * 32)}), which may: nothing" in said
    assert "rule     allow in * *" in said and "Trust these? [y/N]" in said
    assert trust.read_text() == before
    text = other.path.read_text()
    asked = run("trust", "import", "-", "--trust", trust, input=text, fails=True)
    assert "give --yes" in asked and trust.read_text() == before
    assert "2 entries and 1 rules" in run(
        "trust", "import", "-", "--yes", "--trust", trust, input=text
    )
    assert rules(trust) == ["allow in * *"]


def test_a_damaged_store_is_reported_and_kept(trust):
    trust.write_text(trust.read_text().replace("hall", "hell"))
    said = run("peers", "--trust", trust)
    assert "is damaged and was put aside" in said
    assert len(list(trust.parent.glob("trust.json.damaged-*"))) == 1


class Other:
    """The node that the commands meet."""

    def __init__(self, folder, discovery_port: int) -> None:
        self.options = (
            *("--key", folder / "own.key", "--trust", folder / "own.json"),
            *("--interface", "127.0.0.1/8", "--discovery-port", discovery_port),
        )
        self.own = folder / "own.json"
        self.port = discovery_port
        self.nearby = Bus(
            "other",
            key=os.urandom(32),
            trust=StoreFile(folder / "other.json"),
            on_event=self._on_event,
            grants=[grant("allow in *")],
            host="127.0.0.1",
            interfaces=[LOOPBACK],
            discovery_port=discovery_port,
        )
        self.shown = ""
        self.paired = asyncio.Event()

    def _on_event(self, event) -> None:
        if event.kind == EV_PAIR_DIGITS:
            self.shown = event.about.pairing.digits
            self.nearby.guard.confirm(self.shown)
        elif event.kind == EV_PAIRED:
            self.paired.set()

    async def meets(self, *words, input=None, fails=False) -> str:
        """Runs a command while this node is there."""
        return await asyncio.to_thread(run, *words, *self.options, input=input, fails=fails)


def with_other(folder, test) -> None:
    async def meet():
        other = Other(folder, free_port())
        async with other.nearby:
            await test(other)

    asyncio.run(asyncio.wait_for(meet(), TIMEOUT_S))


def test_a_node_may_listen_on_the_port_of_discovery(tmp_path):
    async def listen():
        port = free_port()
        node = Bus(
            "node",
            key=os.urandom(32),
            trust=StoreFile(tmp_path / "store.json"),
            on_event=lambda event: None,
            host="127.0.0.1",
            port=port,
            interfaces=[LOOPBACK],
            discovery_port=port,
        )
        async with node:
            assert node.port == port

    asyncio.run(listen())


def names(path) -> list:
    return [entry.name for entry in StoreFile(path).store]


def test_discover_shows_who_is_there(tmp_path):
    async def test(other):
        shown = await other.meets("discover", "--seconds", 1)
        assert shown.startswith(f"here  other  {other.nearby.id}  tcp://127.0.0.1:")
        (found,) = json.loads(await other.meets("discover", "--seconds", 0.5, "--json"))
        assert found == {
            "name": "other",
            "id": other.nearby.id,
            "key": other.nearby.public.hex(),
            "trusted": False,
            "pairs_by": None,
            "addresses": [f"{link}://127.0.0.1:{other.nearby.port}" for link in ("tcp", "udp")],
            "services": [],
        }
        assert len(other.nearby.peers) == 0  # a command is no node

    with_other(tmp_path, test)


@pytest.mark.parametrize("width", [60, 100])
def test_who_has_left_is_gone_from_the_table_or_trusted(tmp_path, width, monkeypatch):
    screen = Screen(file=io.StringIO(), width=width, no_color=True)
    monkeypatch.setattr(discover, "console", screen)

    async def test(other):
        looking = Bus(
            "own",
            key=os.urandom(32),
            trust=StoreFile(other.own),
            on_event=print,
            listen=False,
            interfaces=[LOOPBACK],
            discovery_port=other.port,
        )
        device = other.nearby.id
        async with looking:
            await looking.heard(device)
            screen.print(discover._peer_table(looking))
            assert device in screen.file.getvalue() and "left" not in screen.file.getvalue()
            voice = other.nearby.discovery
            voice.multicast.say(voice._announcer.goodbye())
            while looking.peers.get(device).online:
                await asyncio.sleep(0.01)
            screen.print(discover._peer_table(looking))
            assert screen.file.getvalue().count(device) == 1
            looking.guard.store.add(Entry(other.nearby.public, "other"))
            screen.print(discover._peer_table(looking))
            shown = screen.file.getvalue()
            assert shown.count(device) == 2
            assert {"trusted,", "has", "left"} <= set(shown.split())

    with_other(tmp_path, test)


def test_pair_by_digits(tmp_path):
    async def test(other):
        other.nearby.take_pairings()
        said = await other.meets("pair", "other", input="y\n")
        assert f"{other.shown[:3]} {other.shown[3:]}" in said
        assert "paired with other" in said
        await other.paired.wait()
        assert names(other.own) == ["other"]

    with_other(tmp_path, test)


def test_pairing_that_could_not_be_written_is_no_success(tmp_path, monkeypatch):
    real = trust_file.place

    def full(path, data):
        if path.name == "own.json":
            raise OSError(28, "No space left on device")
        real(path, data)

    async def test(other):
        other.nearby.take_pairings()
        monkeypatch.setattr(trust_file, "place", full)
        said = await other.meets("pair", "other", input="y\n", fails=True)
        assert "No space left" in said
        assert "paired with" not in said
        assert names(other.own) == []

    with_other(tmp_path, test)


def test_a_command_that_could_not_be_written_is_no_success(trust, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    before = trust.read_bytes()
    monkeypatch.setattr(trust_file, "place", full)
    for words in (("unpair", "hall"), ("allow", "hall", "x"), ("deny", "hall", "x")):
        said = run(*words, "--trust", trust, fails=True)
        assert "No space left" in said
        assert "no more" not in said and "from now on" not in said
    assert trust.read_bytes() == before


def test_digits_that_differ_pair_nobody(tmp_path):
    async def test(other):
        other.nearby.take_pairings()
        said = await other.meets("pair", other.nearby.id[:9], input="n\n", fails=True)
        assert "trust.reject.pairing_cancelled" in said
        assert names(other.own) == []
        assert len(other.nearby.guard.store) == 0

    with_other(tmp_path, test)


def test_pair_by_an_invitation(tmp_path):
    async def test(other):
        bus = other.nearby
        bus.node.local.invite_psk = psk(b"t" * 16)
        place = f"tcp://127.0.0.1:{other.nearby.port}"
        wrong = Invitation(bus.public, b"x" * 16, "other", (place,)).encode()
        await other.meets("pair", wrong, fails=True)
        assert names(other.own) == []
        right = Invitation(bus.public, b"t" * 16, "other", (place,)).encode()
        assert "paired with other" in await other.meets("pair", right)
        await other.paired.wait()
        assert names(other.own) == ["other"]

    with_other(tmp_path, test)


def test_an_invitation_is_shown_as_a_qr_code(capsys):
    uri = Invitation(bytes(32), bytes(16), "name", ("tcp://192.0.2.1:37020",)).encode()
    pair.show_invitation(uri)
    shown = capsys.readouterr().out
    assert uri in shown
    assert shown.count("▀") + shown.count("▄") > 100


def test_with_a_token_nobody_pairs_by_digits(tmp_path):
    async def test(other):
        words = (*("-m", "dsoftbus_host.cli.command", "pair", "--token"), *map(str, other.options))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=pipe)
        said = ""
        while not said.startswith("dsoftbus:"):
            said = (await process.stdout.readline()).decode()
            assert said
        invited = decode(said.strip())
        nearby = other.nearby
        peer = nearby.peers.get(await nearby.heard(invited.id))
        while not peer.flags & (FLAG_TOKEN | FLAG_PAIRING):
            await asyncio.sleep(0.01)
        assert not peer.flags & FLAG_PAIRING
        (port,) = (port for kind, _, port in peer.routes() if kind == LINK_STREAM)
        for link in ("tcp", "udp"):  # by digits: a stranger, and such have no session now
            connection = await nearby.connect("127.0.0.1", port, invited.public, link=link)
            nearby.guard.desk.open(now_ms())
            with contextlib.suppress(BusError):
                nearby.guard.pair(connection.session, now_ms())
            assert (await connection.ended()).peer_code == NOT_PAIRED
        assert (other.shown, names(other.own)) == ("", [])
        await nearby.connect("127.0.0.1", port, invited.public, psk=invited.psk)
        await other.paired.wait()
        assert await process.wait() == 0
        assert names(other.own) == ["other"]

    with_other(tmp_path, test)


def test_a_token_of_ones_own_goes_with_no_peer(tmp_path):
    for peer in ("hall", "-", "dsoftbus:x"):
        own = ("--key", tmp_path / "key", "--trust", tmp_path / "trust")
        assert "without a PEER" in run("pair", peer, "--token", *own, fails=True)


# Rules that match nothing


def test_a_rule_that_matches_no_stream_is_stored_and_said(trust):
    said = run("deny", "hall", "file", "--trust", trust)
    assert "from now on: deny in" in said
    assert "`file` matches nothing that this node has offered or asked for" in said
    assert "did you mean `share/*`?" in said
    assert len(rules(trust)) == 1
    again = run("allow", "paired", "file", "--trust", trust)
    assert "did you mean `share/*`?" in again  # a mistake is no excuse for the next
    for name in ("share/*", "share/secret.txt", "replace/*", "echo", "datagrams", "*"):
        assert "matches nothing" not in run("deny", "hall", name, "--trust", trust)
    removed = run("deny", "hall", "file", "--remove", "--trust", trust)
    assert "matches nothing" not in removed


def test_what_a_pairing_grants_is_looked_at_too(tmp_path):
    async def test(other):
        other.nearby.take_pairings()
        words = ("pair", "other", "--grant", "allow in file", "--grant", "allow in echo")
        said = await other.meets(*words, input="y\n")
        assert "did you mean `share/*`?" in said and "`echo` matches" not in said
        await other.paired.wait()

    with_other(tmp_path, test)


def test_names_that_a_node_has_offered_or_asked_for_are_known_to_others(trust):
    async def use():
        node = Bus(
            "node",
            key=os.urandom(32),
            trust=StoreFile(trust),
            on_event=lambda event: None,
            host="127.0.0.1",
            interfaces=[LOOPBACK],
            discovery_port=free_port(),
        )
        async with node, BareBus(os.urandom(32), allow=ANYONE) as peer:
            node.on_stream("sensor/*", None)
            node.on_stream("share/*", None)  # comes with dsoftbus, and need not be noted
            port = await peer.listen()
            session = await node.connect("127.0.0.1", port, peer.public)
            node.guard.store.add_rule(rule("allow out * *"))
            for name in ("clock", "clock", "sensor/1"):
                (await session.open(name)).reset()

    for name in ("sensor/1", "clock"):
        assert "matches nothing" in run("allow", "hall", name, "--trust", trust)
    asyncio.run(use())
    for name in ("sensor/1", "sensor/*", "clock"):
        assert "matches nothing" not in run("allow", "hall", name, "--trust", trust)
    assert "did you mean `clock`?" in run("allow", "hall", "clocks", "--trust", trust)
    kept = trust.with_name(trust.name + ".names")
    assert json.loads(kept.read_text()) == ["sensor/*", "clock"]
    assert kept.stat().st_mode & 0o777 == 0o600
    for damaged in (b"", b"\xff", b"{}", b'[1, null, ""]', b"[" * 100_000):
        kept.write_bytes(damaged)
        assert "matches nothing" in run("allow", "hall", "clock", "--trust", trust)
