"""`micropython -m dsoftbus_mpy`: real processes, real files, and peers that misbehave."""

import asyncio
import contextlib
import hashlib
import random
import re
import socket
import subprocess
from pathlib import Path

import pytest

import compiled_modules
import nodes
from dsoftbus.errors import OVERSIZE, UNAUTHENTICATED
from hostile import is_harmless
from portable import ROOT, TIMEOUT_S

MB = 1 << 20
RECORD_REFUSE = 5


@pytest.fixture
def serving(tmp_path):
    with nodes.ServingNode(tmp_path / "served") as node:
        yield node


def digest(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_file(path, size: int):
    path.write_bytes(random.Random(size).randbytes(size))
    return path


def answer_to(node, data: bytes) -> bytes:
    """Returns the node's bytes to a peer that sends `data`, until it closes the link."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=nodes.TIMEOUT_S) as peer:
        peer.sendall(data)
        answer = b""
        # A link that is closed with bytes unread is reset, which may overtake the refusal.
        with contextlib.suppress(ConnectionResetError):
            while chunk := peer.recv(4096):
                answer += chunk
    return answer


def test_id_is_made_once(tmp_path):
    key = tmp_path / "node.key"
    first = nodes.run("id", "--key", key)
    assert first.returncode == 0
    assert nodes.run("id", "--key", key).stdout == first.stdout
    key.write_text("damaged")
    damaged = nodes.run("id", "--key", key)
    assert damaged.returncode == 1
    assert "local.key_file" in damaged.stderr
    assert key.read_text() == "damaged"


def test_eight_megabytes_each_way(tmp_path, serving):
    file = make_file(tmp_path / "sent.bin", 8 * MB)
    peer = (serving.address, serving.key, "--key", tmp_path / "client.key")
    sent = nodes.run("send", file, *peer)
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout.split()[0] == digest(file) == digest(serving.folder / file.name)
    (tmp_path / "fetched").mkdir()
    fetched = nodes.run("fetch", file.name, *peer, "--dir", tmp_path / "fetched")
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout.split()[0] == digest(file) == digest(tmp_path / "fetched" / file.name)


@pytest.mark.parametrize("size", [0, 1, 32768, 100_001])
def test_files_of_any_size(tmp_path, serving, size):
    file = make_file(tmp_path / "sent.bin", size)
    peer = (serving.address, serving.key, "--key", tmp_path / "client.key")
    (tmp_path / "fetched").mkdir()
    assert nodes.run("send", file, *peer).stdout.split()[0] == digest(file)
    fetched = nodes.run("fetch", file.name, *peer, "--dir", tmp_path / "fetched")
    assert fetched.returncode == 0, fetched.stderr
    assert (tmp_path / "fetched" / file.name).read_bytes() == file.read_bytes()
    assert [path.name for path in serving.folder.iterdir()] == [file.name]


def test_a_small_heap_serves_too(tmp_path):
    with nodes.ServingNode(tmp_path / "small", heap="300k") as node:
        file = make_file(tmp_path / "sent.bin", 200_000)
        sent = nodes.run("send", file, node.address, node.key, "--key", tmp_path / "client.key")
        assert sent.returncode == 0, sent.stderr
        assert digest(node.folder / file.name) == digest(file)


def test_a_wrong_pinned_key(tmp_path, serving):
    file = make_file(tmp_path / "sent.bin", 10)
    wrong = nodes.run("id", "--key", tmp_path / "other.key").stdout.split()[1]
    sent = nodes.run("send", file, serving.address, wrong, "--key", tmp_path / "client.key")
    assert sent.returncode == 1
    assert "noise.reject.decrypt_failed" in sent.stderr


def test_a_peer_that_is_not_allowed(tmp_path):
    allowed = nodes.run("id", "--key", tmp_path / "allowed.key").stdout.split()[1]
    file = make_file(tmp_path / "sent.bin", 10)
    with nodes.ServingNode(tmp_path / "served", "--allow", allowed) as node:
        peer = (node.address, node.key)
        denied = nodes.run("send", file, *peer, "--key", tmp_path / "stranger.key")
        assert denied.returncode == 1
        assert "session.end.peer" in denied.stderr
        admitted = nodes.run("send", file, *peer, "--key", tmp_path / "allowed.key")
        assert admitted.returncode == 0, admitted.stderr


def test_a_file_that_is_not_there(tmp_path, serving):
    peer = (serving.address, serving.key, "--key", tmp_path / "client.key")
    missing = nodes.run("fetch", "missing", *peer, "--dir", tmp_path)
    assert missing.returncode == 1
    assert "stream.reset.no_such_service" in missing.stderr
    assert not (tmp_path / ".missing.part").exists()


def test_garbage_and_frames_before_the_handshake(tmp_path, serving):
    assert answer_to(serving, b"GET / HTTP/1.1\r\n") == bytes((0, 2, RECORD_REFUSE, OVERSIZE))
    unauthenticated = bytes((0, 9, 4)) + bytes(8)
    refusal = bytes((0, 2, RECORD_REFUSE, UNAUTHENTICATED))
    assert answer_to(serving, unauthenticated) == refusal
    for seed in range(20):
        answer_to(serving, random.Random(seed).randbytes(600))
    file = make_file(tmp_path / "sent.bin", 1000)
    sent = nodes.run("send", file, serving.address, serving.key, "--key", tmp_path / "client.key")
    assert sent.returncode == 0, sent.stderr


@pytest.mark.parametrize("words", [(), ("serve", "--port"), ("send", "x"), ("id", "--what", "x")])
def test_usage(words):
    result = nodes.run(*words)
    assert result.returncode in (1, 2)
    assert result.stderr


def test_nobody_is_served_by_default(tmp_path):
    own = ("--key", tmp_path / "node.key", "--dir", tmp_path / "files")
    (tmp_path / "files").mkdir()
    done = nodes.run("serve", *own)
    assert (done.returncode, done.stdout) == (1, "")
    assert "--allow HEXKEY, or --anyone" in done.stderr


def test_a_rule_that_matches_no_stream_is_taken_and_said(tmp_path):
    async def test():
        async with nodes.Board(tmp_path, "board", random.randrange(30000, 50000)) as board:
            board.say("deny paired in file")
            assert "did you mean `share/*`?" in await board.until("note")
            for line in ("allow paired both echo", "deny * in share/*", "allow * in datagrams"):
                board.say(line)
            board.say("deny paired in ehco")
            assert "`ehco` matches nothing" in await board.until("note")
            assert not [line for line in board.lines if line.startswith("error")]

    asyncio.run(asyncio.wait_for(test(), nodes.TIMEOUT_S))


# What no peer may have


@pytest.mark.parametrize("folder", [".", "..", "deep/..", "../own", "link"])
def test_a_folder_with_the_nodes_files_in_it_is_not_served(tmp_path, folder):
    own = tmp_path / "own"
    (own / "deep").mkdir(parents=True)
    (own / "link").symlink_to(own)
    for key in (own / "node.key", "node.key"):
        done = nodes.run("serve", "--key", key, "--dir", folder, cwd=own)
        assert (done.returncode, done.stdout) == (1, "")
        assert "a folder of their own" in done.stderr


def test_a_folder_that_modules_are_loaded_from_is_not_served(tmp_path):
    modules = Path(compiled_modules.path().split(":")[0])
    for folder in (modules, modules / "dsoftbus/trust", modules.parent):
        done = nodes.run("serve", "--key", tmp_path / "key", "--dir", folder, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "programs" in done.stderr


def test_serve_makes_a_folder_of_its_own(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    file = make_file(tmp_path / "dsoftbus.trust", 100)
    with nodes.ServingNode(None, cwd=own) as node:
        peer = (node.address, node.key, "--key", tmp_path / "client.key")
        for name in ("dsoftbus.key", "DSOFTBUS.KEY", "../dsoftbus.key", "dsoftbus.key."):
            assert nodes.run("fetch", name, *peer, "--dir", tmp_path).returncode == 1
        assert nodes.run("send", file, *peer).returncode == 0
    assert sorted(path.name for path in own.iterdir()) == ["dsoftbus.key", "files"]
    assert [path.name for path in (own / "files").iterdir()] == ["dsoftbus.trust"]


def test_what_leads_out_of_the_folder_is_neither_read_nor_replaced(tmp_path):
    with nodes.ServingNode(tmp_path / "served") as node:
        key = node.folder.with_suffix(".key")
        (node.folder / "soft").symlink_to(key)
        (node.folder / "hard").hardlink_to(key)
        (node.folder / "dangling").symlink_to(tmp_path / "made")
        before = key.read_bytes()
        peer = (node.address, node.key, "--key", tmp_path / "client.key")
        for name in ("soft", "hard", "dangling"):
            fetched = nodes.run("fetch", name, *peer, "--dir", tmp_path)
            assert "no_such_service" in fetched.stderr
            sent = nodes.run("send", make_file(tmp_path / name, 10), *peer)
            assert (sent.returncode, "refused" in sent.stderr) == (1, True)
            (tmp_path / name).unlink()
        assert key.read_bytes() == before
        assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["node.key", "Node.KEY", "node.key.next", "node.trust"])
def test_nothing_is_fetched_over_the_nodes_files(tmp_path, serving, name):
    own = tmp_path / "own"
    own.mkdir()
    make_file(serving.folder / name, 10)
    files = ("--key", "node.key", "--trust", "node.trust")
    fetched = nodes.run("fetch", name, serving.address, serving.key, *files, cwd=own)
    assert (fetched.returncode, fetched.stdout) == (1, "")
    assert "EACCES" in fetched.stderr
    assert [path.name for path in own.iterdir()] == ["node.key"]
    assert (own / "node.key").read_text().startswith("dsoftbus-key-1")


def test_the_nodes_files_are_not_sent(tmp_path, serving):
    key = tmp_path / "node.key"
    (tmp_path / "photo.jpg").symlink_to(key)
    for path in (key, tmp_path / "photo.jpg"):
        sent = nodes.run("send", path, serving.address, serving.key, "--key", key)
        assert (sent.returncode, sent.stdout) == (1, "")
    assert list(serving.folder.iterdir()) == []


# Text of others


def test_what_a_node_prints_acts_on_no_terminal(tmp_path, serving):
    hostile = "\x1b]52;c;ZQ==\x07\x9b31m\u202ex\u200b\nforged"
    for words in (
        ("fetch", hostile, serving.address, serving.key),
        ("send", tmp_path / hostile, serving.address, serving.key),
        ("id", "--" + hostile),
        ("serve", "--allow", hostile),
        ("send", "file", hostile, serving.key),
        ("serve", "--anyone", "--dir", tmp_path / hostile / "missing"),
    ):
        done = nodes.run(*words, "--key", tmp_path / "own.key")
        assert is_harmless((done.stdout + done.stderr).replace("\n", "")), words
        assert "\nforged" not in done.stdout + done.stderr


# Addresses


@pytest.mark.parametrize("place", ["[::1]:37020", "::1:37020", "[fe80::1%lo]:80"])
def test_an_ipv6_address_is_no_name_of_a_host(tmp_path, place):
    file = tmp_path / "file"
    file.write_bytes(b"x")
    done = nodes.run("send", file, place, "00" * 32, "--key", tmp_path / "own.key")
    assert done.returncode
    assert "IPv6: links here are IPv4" in done.stdout + done.stderr


def test_help_lists_every_line_that_a_node_takes(tmp_path):
    files = ("--key", tmp_path / "key", "--trust", tmp_path / "trust")
    where = ("--host", "127.0.0.1", "--broadcast", "127.255.255.255", "--discovery", 1)
    done = subprocess.run(
        nodes.command("node", *files, *where),
        env=nodes.environment(),
        input="help\nnonsense\nquit\n",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    source = (ROOT / "micropython/dsoftbus_mpy/device/console.py").read_text()
    taken = set(re.findall(r'^            "([a-z]+)": self\._', source, re.MULTILINE))
    assert {"help", "pair", "rotate"} < taken
    assert taken | {"quit"} <= {line.split()[0] for line in lines if line}
    assert "error local.bad_argument: nonsense: no such line; `help` lists them" in lines
