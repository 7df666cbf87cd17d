"""Groups on the command line: made, handed over, left; and two people who meet at a broker."""

import asyncio
import json
import stat

import pytest

import real_brokers
from commands import Conversation, Serving, agree, clean, make_file, run
from free_ports import free_port
from portable import TIMEOUT_S

URL = "mqtts://me@broker.example"


class Home:
    """A node with files of its own, on networks where it hears nobody."""

    def __init__(self, folder, name: str) -> None:
        self.folder = folder / name
        self.trust = folder / f"{name}.json"
        self.key = self.folder.with_suffix(".key")
        self.store = ("--trust", self.trust)
        place = ("--interface", "127.0.0.1/8", "--discovery-port", free_port())
        self.serving = (*self.store, *place, "--name", name)
        self.options = ("--key", self.key, *self.store, *place)
        self.id = run("id", "--key", self.key).stdout.split()[1]

    def group(self, *words: object, typed: str | None = None):
        return run("group", *words, *self.store, typed=typed)

    def token(self, name: str) -> str:
        return self.group("show", name).stdout.split()[-1]


@pytest.fixture
def attic(tmp_path) -> Home:
    return Home(tmp_path, "attic")


@pytest.fixture
def desk(tmp_path) -> Home:
    return Home(tmp_path, "desk")


def test_made_handed_over_and_left(attic, desk):
    made = attic.group("new", "home", URL, "--password", typed="very secret\n")
    assert "made the group home at mqtts://me:...@broker.example:8883" in made.stdout
    token = attic.token("home")
    assert token.startswith("dsoftbus-group:")
    joined = desk.group("join", typed=token + "\n")
    assert "joined the group home at mqtts://me:...@broker.example:8883" in joined.stdout
    assert desk.token("home") == token
    listed = json.loads(desk.group("list", "--json").stdout)
    assert listed == [{"name": "home", "broker": "mqtts://me:...@broker.example:8883"}]
    assert "very" not in made.stdout + joined.stdout + desk.group("list").stdout
    file = desk.trust.with_name(desk.trust.name + ".groups")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert desk.group("leave", "home").stdout == "left the group home\n"
    assert json.loads(desk.group("list", "--json").stdout) == []


def test_a_password_from_a_file_and_one_that_was_typed(attic, tmp_path):
    (tmp_path / "password").write_text("from a file\nnot this\n")
    done = attic.group("new", "one", URL, "--password-file", tmp_path / "password")
    assert done.returncode == 0 and "note" not in done.stderr
    done = attic.group("new", "two", "mqtt://me:typed@broker.example")
    assert "others on this machine can read this password" in done.stderr
    assert "typed" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("new", "a/b", URL), "a group's name has 1 to 32 bytes"),
        (("new", "x" * 33, URL), "32 bytes"),
        (("new", "home", "http://x"), "a broker is mqtt://HOST or mqtts://HOST"),
        (("new", "home", "mqtt://:pw@x"), "goes with a user's name"),
        (("new", "home", "mqtt://x:0"), "no port"),
        (("new", "home", "mqtt://x", "--password"), "goes with a user's name"),
        (("new", "home", URL, "--prefix", "a/#"), "a topic without + and #"),
        (("join", "dsoftbus-group:abc"), "that is no token of a group"),
        (("show", "home"), "no such group"),
        (("leave", "home"), "no such group"),
    ],
)
def test_a_mistake_is_said(attic, words, said):
    done = attic.group(*words, typed="pw\n")
    assert done.returncode == 1 and done.stdout == ""
    assert said in " ".join(done.stderr.split())


def test_a_name_that_is_taken_and_a_file_that_others_may_read(attic):
    assert attic.group("new", "home", URL).returncode == 0
    assert "leave it first" in attic.group("new", "home", URL).stderr
    token = attic.token("home")
    assert attic.group("join", "--name", "second", typed=token).returncode == 0
    file = attic.trust.with_name(attic.trust.name + ".groups")
    file.chmod(0o644)
    assert "chmod 600" in attic.group("list").stderr
    file.chmod(0o600)
    file.write_text("{")
    assert "damaged" in attic.group("list").stderr


def test_two_people_pair_at_a_broker_and_send_a_file(attic, desk, tmp_path):
    """`pair`, `discover`, `ping` and `send` lead through the broker, since nothing else does."""
    with real_brokers.mosquitto(tmp_path) as broker:
        attic.group("new", "home", broker.url)
        desk.group("join", typed=attic.token("home"))

        async def pairing() -> None:
            async with (
                Conversation("pair", desk.id, *attic.options) as one,
                Conversation("pair", attic.id, *desk.options) as other,
            ):
                await asyncio.wait_for(agree(one, other), TIMEOUT_S)

        asyncio.run(pairing())
        file = make_file(tmp_path / "picture", 100_000)
        assert run("allow", desk.id, "*", *attic.store).returncode == 0
        assert run("allow", attic.id, "*", *desk.store).returncode == 0
        with Serving(attic.folder, *attic.serving) as served:
            found = json.loads(run("discover", "--json", *desk.options).stdout)
            assert [(each["id"], each["addresses"]) for each in found] == [
                (served.id, ["mqtt://home"])
            ]
            pinged = run("ping", attic.id, "--count", 2, *desk.options)
            assert "at mqtt://home" in pinged.stdout and pinged.returncode == 0
            sent = run("send", file, attic.id, *desk.options)
            assert sent.returncode == 0, sent.stderr
            assert (attic.folder / "picture").read_bytes() == file.read_bytes()
            by_address = run("ping", f"mqtt://{found[0]['key']}@home", "--count", 1, *desk.options)
            assert by_address.returncode == 0, by_address.stderr
            clean(by_address.stderr)
