"""The command `dsoftbus` as people start it: processes, files, exit statuses and messages."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
from click.testing import CliRunner

from command import quick_command
from commands import Serving, clean, digest, environment, failure, make_file, run
from dsoftbus.const import SUITE_CHACHA_SHA256
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant
from dsoftbus.trust.invitation import Invitation
from dsoftbus.trust.store import Entry
from dsoftbus_host.address import parse
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.cli.command import main
from dsoftbus_host.cli.common import short_id
from dsoftbus_host.crypto import fastest
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from nodes import ServingNode
from portable import ROOT, TIMEOUT_S

BEFORE_311 = (sys.executable, "-W", "error", ROOT / "tests/before_311.py")


def test_the_short_form_is_for_people():
    assert short_id("abcdefghijklmnopqrstuvwxyz") == "abcd-efgh"


def test_id_is_made_once_and_the_same_ever_after(tmp_path, key):
    first = run("id", *key)
    assert first.returncode == 0
    device, public = first.stdout.split()[1], bytes.fromhex(first.stdout.split()[-1])
    assert device == device_id(public)
    assert run("id", *key).stdout == first.stdout
    assert run("id", "--key", tmp_path / "other.key").stdout != first.stdout


def test_without_a_key_it_is_the_users(tmp_path):
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    first = run("id", **home)
    assert first.returncode == 0
    assert run("id", **home).stdout == first.stdout
    assert [path.name for path in tmp_path.rglob("*.key")] == ["node.key"]


def test_a_key_that_others_may_read(tmp_path, key):
    run("id", *key)
    key[1].chmod(0o644)
    assert f"chmod 600 {key[1]}" in failure("id", *key)


def test_a_file_goes_there_and_back(tmp_path, key, serving):
    file = make_file(tmp_path / "sent.bin", 3_000_000)
    sent = run("send", file, serving.address, *key)
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout == f"stored sent.bin, SHA-256 {digest(file)}\n"
    assert sent.stderr == ""  # bars are for terminals
    assert digest(serving.folder / "sent.bin") == digest(file)
    back = tmp_path / "back"
    back.mkdir()
    fetched = run("fetch", "sent.bin", serving.address, "--dir", back, *key)
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout == f"fetched sent.bin, SHA-256 {digest(file)}\n"
    assert digest(back / "sent.bin") == digest(file)
    status, told, _ = serving.interrupt()
    assert status == 130
    stored, sent_back = told.splitlines()
    assert re.match(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  stored sent.bin \(3000000 bytes\) from", stored
    )
    assert "  sent sent.bin (3000000 bytes) to " in sent_back


def test_fetch_puts_it_where_the_person_is(tmp_path, key, serving):
    (serving.folder / "here").write_bytes(b"it is")
    assert run("fetch", "here", serving.address, *key, cwd=tmp_path).returncode == 0
    assert (tmp_path / "here").read_bytes() == b"it is"


@pytest.mark.parametrize("name", ["[red]", "[bold] and ünïcode %s"])
def test_names_are_shown_as_they_are(tmp_path, key, serving, name):
    sent = run("send", make_file(tmp_path / name, 10), serving.address, *key)
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout.startswith(f"stored {name}, SHA-256 ")
    fetched = run("fetch", name, serving.address, "--dir", tmp_path, "--replace", *key)
    assert fetched.stdout.startswith(f"fetched {name}, SHA-256 ")
    status, told, complaints = serving.interrupt()
    assert (status, complaints) == (130, "")
    assert f"  stored {name} (10 bytes) from " in told


def test_a_wrong_key_says_what_to_do(tmp_path, key, serving):
    file = make_file(tmp_path / "file", 10)
    address = "00" * 31 + "09@" + serving.address.split("@")[1]
    said = failure("send", file, address, *key)
    assert "noise.reject.decrypt_failed" in said
    assert "dsoftbus id" in said
    assert os.listdir(serving.folder) == []


def test_a_peer_that_is_not_allowed_hears_why(tmp_path, key):
    public = run("id", *key).stdout.split()[-1]
    file = make_file(tmp_path / "file", 10)
    with Serving(tmp_path / "served", "--allow", public) as node:
        said = failure("send", file, node.address, "--key", tmp_path / "stranger.key")
        assert "session.reject.peer_not_allowed" in said
        assert "--allow" in said
        assert run("send", file, node.address, *key).returncode == 0


def test_nobody_listens(tmp_path, key):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    said = failure("fetch", "file", f"{'00' * 31}09@127.0.0.1:{port}", *key)
    assert "session.end.link_down" in said
    assert f"127.0.0.1:{port}" in said
    assert "Is it running" in said


def test_a_file_that_is_not_there(tmp_path, key, serving):
    said = failure("fetch", "missing", serving.address, *key, "--dir", tmp_path)
    assert "stream.reset.no_such_service" in said
    assert "nothing of that name" in said
    assert not (tmp_path / "missing").exists()
    missing = run("send", tmp_path / "missing", serving.address, *key)
    assert missing.returncode == 2
    assert "does not exist" in missing.stderr


@pytest.mark.parametrize("peer", ["", "nonsense", "00@127.0.0.1:1", "[red]@[::1]:x", "@[/]:1"])
def test_an_address_that_is_none(tmp_path, key, peer):
    file = make_file(tmp_path / "file", 10)
    for words in (("send", file), ("fetch", "file")):
        done = CliRunner().invoke(main, [*map(str, (*words, peer, *key))])
        assert (done.exit_code, done.stdout) == (1, "")
        assert "local.bad_argument" in done.stderr
        assert re.search("KEY@HOST:PORT|64 hex digits|no port", done.stderr)


def loopback(folder, discovery_port: int) -> tuple:
    """The options of a node with a trust store in `folder`, on a network of its own."""
    where = ("--interface", "127.0.0.1/8", "--discovery-port", discovery_port)
    return ("--trust", folder / "trust.json", *where)


def paired(folder: Path, *others: tuple) -> None:
    """(name, public key) of whom the node in `folder` trusts."""
    file = StoreFile(folder / "trust.json")
    for name, public in others:
        file.store.add(Entry(bytes.fromhex(public), name, [grant("allow both *")]))
    file.save()


def test_serve_admits_nobody_but_paired_peers(tmp_path, key):
    port = free_port()
    (tmp_path / "hub").mkdir()
    with Serving(tmp_path / "served", *loopback(tmp_path / "hub", port)) as node:
        file = make_file(tmp_path / "file", 10)
        said = failure("send", file, node.address, *key)
        assert "trust.reject.not_paired" in said
        assert "dsoftbus pair" in said
        assert os.listdir(node.folder) == []
        assert "nobody is paired" in node.process.stdout.readline()
        assert "is not paired with this node" in node.process.stdout.readline()


def test_a_paired_peer_is_found_by_its_name_and_then_where_it_was(tmp_path, key):
    port = free_port()
    hub, own = tmp_path / "hub", tmp_path / "own"
    hub.mkdir(), own.mkdir()
    paired(hub, ("client", run("id", *key).stdout.split()[-1]))
    there = ("--name", "hub", *loopback(hub, port))
    with Serving(tmp_path / "served", *there) as node:
        public = node.address.partition("@")[0]
        paired(own, ("hub", public))
        file = make_file(tmp_path / "file", 1000)
        here = (*key, *loopback(own, port))
        done = run("send", file, "hub", *here)
        assert done.returncode == 0, done
        assert digest(node.folder / "file") == digest(file)
        # On another network (of discovery) nobody is heard: where it was reached last.
        elsewhere = (*key, *loopback(own, port + 1))
        done = run("fetch", "file", node.id[:9], "--dir", own, *elsewhere)
        assert done.returncode == 0, done
        assert digest(own / "file") == digest(file)
        (own / "trust.json.places").unlink()
        said = failure("send", file, "hub", *elsewhere)
        assert "discovery.wait" in said or "discovery.reject" in said
        assert "dsoftbus discover" in said
        # And asked at its address it answers.
        asked = (*elsewhere, "--peer", f"127.0.0.1:{port}")
        assert run("send", file, "hub", "--replace", *asked).returncode == 0


def test_a_name_that_nobody_has_says_what_to_do(tmp_path, key):
    file = make_file(tmp_path / "file", 10)
    said = failure("send", file, "nobody", *key, *loopback(tmp_path, 20000))
    assert "no such peer" in said
    assert "dsoftbus discover" in said
    assert "dsoftbus pair" in said


def test_serve_where_it_cannot(tmp_path, key, serving):
    taken = serving.address.rpartition(":")[2]
    words = ("serve", "--anyone", "--dir", serving.folder, *key, "--port")
    assert "in use" in failure(*words, taken)
    assert "hex digits" in failure(*words, 0, "--allow", "nonsense")


def test_serve_on_ipv6(tmp_path, key):
    file = make_file(tmp_path / "file", 10)
    with Serving(tmp_path / "served", "--anyone", "--host", "::1") as node:
        assert "@[::1]:" in node.address
        assert run("send", file, node.address, *key).returncode == 0


def test_a_long_name_is_cut_at_a_character(tmp_path, key):
    with Serving(tmp_path / "served", "--anyone", "--name", "é" * 40) as node:
        file = make_file(tmp_path / "file", 10)
        assert run("send", file, node.address, *key).returncode == 0


@pytest.mark.parametrize("by", [(), BEFORE_311], ids=["here", "before 3.11"])
def test_ctrl_c_ends_the_sessions_in_order(tmp_path, key, by):
    with Serving(tmp_path / "served", "--anyone", by=by) as serving:
        (serving.folder / "big").write_bytes(b"")
        os.truncate(serving.folder / "big", 1 << 29)
        words = ("fetch", "big", serving.address, "--dir", tmp_path, "--wait", 0, *key)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        pings = ("ping", "--count", 1000, "--interval", 0.2, serving.address, *key)
        fetching, pinging = (
            subprocess.Popen(
                [*quick_command("error"), *map(str, each)], env=environment(), **pipes
            )
            for each in (words, pings)
        )
        while not list(tmp_path.glob(".big.*")):
            assert fetching.poll() is None
        while not pinging.stdout.readline().startswith("1: "):
            assert pinging.poll() is None
        assert serving.interrupt()[0] == 130
        out, complaints = fetching.communicate(timeout=TIMEOUT_S)
        _, said = pinging.communicate(timeout=TIMEOUT_S)
    clean(complaints)
    assert (fetching.returncode, out) == (1, "")  # it may have had more to read before the end
    assert "session.end.peer" in said
    assert not (tmp_path / "big").exists()


def test_verbose_tells_of_the_fallback_to_a_board(tmp_path, key):
    file = make_file(tmp_path / "file", 10)
    with ServingNode(tmp_path / "board") as node:
        address = f"{node.key}@{node.address}"
        told = run("-v", "send", file, address, *key)
    assert told.returncode == 0
    assert ("falling back" in told.stderr) == (fastest() != SUITE_CHACHA_SHA256)


def test_the_demo_shows_sessions_services_and_refusals():
    done = run("demo")
    assert done.returncode == 0, done.stderr
    for label in (
        "noise.reject.decrypt_failed",
        "core.reject.oversize_frame_or_record",
        "core.reject.unauthenticated_message_path",
    ):
        assert label in done.stdout
    assert done.stdout.count("SHA-256 equal") >= 2
    after = done.stdout.partition("restarts, and publishes again")
    assert "publishes temperature 21.5" in after[0] and "publishes temperature 22.5" in after[2]
    assert "denies calls: call.denied" in after[2]


# What no peer may have


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A current folder with the node's key and trust store in it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    own = tmp_path / "own"
    own.mkdir()
    assert run("id", "--key", own / "node.key").returncode == 0
    return own


OWN = ("--key", "node.key", "--trust", "trust.json")


@pytest.mark.parametrize("folder", [".", "..", "deep/..", "../own", "link"])
def test_a_folder_with_the_nodes_files_in_it_is_not_served(here, folder):
    (here / "deep").mkdir()
    (here / "link").symlink_to(here)
    for who in ((), ("--anyone",)):
        done = run("serve", "--port", 0, *OWN, *who, "--dir", folder, cwd=here)
        assert done.returncode == 1
        assert done.stdout == ""
        assert "a folder of their own (--dir)" in done.stderr


def test_serve_makes_a_folder_of_its_own(here, tmp_path):
    data = tmp_path / "data"
    words = ("serve", "--host", "127.0.0.1", "--port", 0, *OWN, "--anyone")
    command = [*quick_command("error"), *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    where = environment(XDG_DATA_HOME=str(data))
    with subprocess.Popen(command, env=where, cwd=here, **pipes) as process:
        said = process.stdout.readline().split()
        address = process.stdout.readline().split()[-1]
        key = ("--key", tmp_path / "peer.key")
        assert said[1:] == ["serves", str(data / "dsoftbus/files")]
        for name in ("node.key", "trust.json", "NODE.KEY", ".node.key", "node.key."):
            said = failure("fetch", name, address, *key, "--dir", tmp_path)
            assert "no_such_service" in said or "no name for" in said
        evil = make_file(tmp_path / "trust.json", 100)
        assert run("send", evil, address, *key).returncode == 0
        process.terminate()
    assert sorted(os.listdir(here)) == ["node.key"]
    assert os.listdir(data / "dsoftbus/files") == ["trust.json"]
    assert (data / "dsoftbus/files").stat().st_mode & 0o077 == 0


def test_nothing_is_fetched_over_the_nodes_files(here, tmp_path, serving):
    before = (here / "node.key").read_bytes()
    for name in ("node.key", "trust.json", "Trust.JSON", "node.key.next"):
        make_file(serving.folder / name, 10)
        done = run("fetch", name, serving.address, *OWN, cwd=here)
        assert (done.returncode, done.stdout) == (1, "")
        assert "this node's own" in done.stderr
    assert os.listdir(here) == ["node.key"]
    assert (here / "node.key").read_bytes() == before


def test_the_nodes_files_are_not_sent(here, serving):
    (here / "photo.jpg").symlink_to(here / "node.key")
    for name in ("node.key", "photo.jpg"):
        done = run("send", name, serving.address, *OWN, cwd=here)
        assert (done.returncode, done.stdout) == (1, "")
        assert "this node's own" in done.stderr
    assert os.listdir(serving.folder) == []


# Secrets on the command line


@pytest.fixture
def alone(tmp_path) -> tuple:
    files = ("--key", tmp_path / "own.key", "--trust", tmp_path / "own.trust")
    return (*files, "--interface", "127.0.0.1/8", "--discovery-port", 1)


@pytest.fixture
def invited(tmp_path) -> str:
    """An invitation of a node at whose address nobody is."""
    public = BareBus(bytes(range(1, 33))).public
    place = f"tcp://127.0.0.1:{free_port()}"
    return Invitation(public, bytes(range(16)), "hall", [place]).encode()


def pair_with(invitation: str, place: tuple, typed: str = ""):
    done = subprocess.run(
        [*quick_command("error"), "pair", invitation, *map(str, place)],
        env=environment(),
        input=typed,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    clean(done.stderr)
    assert done.returncode == 1
    return done.stderr


def test_an_invitation_as_an_argument_is_taken_with_a_note(invited, alone):
    said = pair_with(invited, alone)
    assert "others on this machine can read this token" in said
    assert "`dsoftbus pair -` asks for it" in said
    assert "onnect" in said  # and it was tried
    assert invited not in said


def test_an_invitation_comes_from_the_standard_input(invited, alone):
    for typed in (invited, invited + "\n", f"  {invited}\r\nmore"):
        said = pair_with("-", alone, typed)
        assert "others on this machine" not in said
        assert "onnect" in said
        assert invited not in said


def test_what_is_no_invitation_is_no_peer_either(alone):
    said = pair_with("-", alone, "hall\n")
    assert "no invitation" in said
    assert "Abort" in pair_with("-", alone, "")


def test_a_terminal_does_not_show_the_invitation(invited, alone):
    master, slave = os.openpty()
    command = [*quick_command("error"), "pair", "-", *map(str, alone)]
    with subprocess.Popen(
        command, env=environment(), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as process:
        os.close(slave)
        shown = b""
        while b"invitation: " not in shown:
            shown += os.read(master, 1000)
        os.write(master, invited.encode() + b"\n")
        with contextlib.suppress(OSError):  # the other end is closed
            while chunk := os.read(master, 1000):
                shown += chunk
    os.close(master)
    assert process.returncode == 1
    assert b"onnect" in shown
    assert invited.encode()[60:] not in shown


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])
def test_serve_says_addresses_that_are_real(tmp_path, host):
    with Serving(tmp_path / "served", "--anyone", "--host", host) as node:
        there = parse(node.address)
    assert there.port
    assert not ip_address(there.host.partition("%")[0]).is_unspecified


def test_serve_listens_where_the_settings_say(tmp_path):
    folder, port = tmp_path / "dsoftbus", free_port()
    folder.mkdir()
    settings = {"host": "127.0.0.1", "interfaces": ["127.0.0.1/8"], "discovery": port}
    (folder / "config.json").write_text(json.dumps({"name": "hall", **settings}))
    (tmp_path / "served").mkdir()
    words = ("serve", "--port", "0", "--dir", str(tmp_path / "served"))
    home = environment(XDG_CONFIG_HOME=str(tmp_path))
    with subprocess.Popen([*quick_command(), *words], env=home, stdout=subprocess.PIPE) as node:
        try:
            node.stdout.readline()
            there = parse(node.stdout.readline().decode().split()[-1])
            assert there.host == "127.0.0.1"
            assert b"nobody is paired" in node.stdout.readline()  # and so at no other address
        finally:
            node.kill()
