"""A stranger that sends all at once to nodes in processes of their own: `serve` on both platforms.

It proves a key that nobody allowed, and sends FINISH, OPEN, DATA and FIN in one write, or in
datagrams back to back: of each file that it wants stored or changed nothing may be left.
"""

import contextlib
import socket
import subprocess

import pytest

import nodes
from attacker import NAMES, OverDatagrams, OverStream, attacker
from command import quick_command
from dsoftbus.errors import NOT_PAIRED, PEER_NOT_ALLOWED
from portable import TIMEOUT_S

FRIEND = attacker(5)
OWN = b"what was here before"


@contextlib.contextmanager
def host_serving(folder, *options):
    """(public key, port) of `dsoftbus serve`."""
    own = ("--key", folder / "own.key", "--trust", folder / "own.json", "--discovery-port", 37999)
    where = ("--host", "127.0.0.1", "--port", 0)
    words = ("serve", *where, "--dir", folder / "files", *own, *options)
    command = [*quick_command(), *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = ""
            while "peers reach it as" not in line:
                line = process.stdout.readline()
                assert line
            key, _, place = line.split()[-1].partition("@")
            yield bytes.fromhex(key), int(place.rpartition(":")[2])
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


@contextlib.contextmanager
def board_serving(folder, *options):
    with nodes.ServingNode(folder / "files", "--link", "auto", *options) as node:
        yield bytes.fromhex(node.key), node.port


def over_tcp(public: bytes, port: int, seed: int = 66):
    attack = OverStream(public, None, seed)
    session = attack.session
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as sock:
        sock.sendall(attack.drain())
        while session.half_open:
            attack.take(_more(sock))
        sock.sendall(attack.strike())
        while not attack.over:
            attack.take(_more(sock))
    return session


def _more(sock) -> bytes:
    data = sock.recv(4096)
    assert data, "the node closed the link and gave no reason"
    return data


def over_udp(public: bytes, port: int, seed: int = 66):
    attack = OverDatagrams(public, None, seed)
    session = attack.session
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect(("127.0.0.1", port))
        for packet in attack.drain():
            sock.send(packet)
        while session.half_open:
            attack.take(sock.recv(1300))
        for packet in attack.strike():
            sock.send(packet)
        while not attack.over:
            attack.take(sock.recv(1300))
    return session


@pytest.fixture
def folder(tmp_path):
    """With a file that the attacker wants to write over."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "owned").write_bytes(OWN)
    return tmp_path


@pytest.mark.parametrize("strike", [over_tcp, over_udp], ids=["tcp", "udp"])
@pytest.mark.parametrize("serving", [host_serving, board_serving], ids=["host", "micropython"])
def test_no_file_of_the_owners_is_written_over(folder, serving, strike):
    with serving(folder, "--allow", FRIEND.public.hex()) as (public, port):
        assert strike(public, port).peer_code == PEER_NOT_ALLOWED
        assert (folder / "files" / "owned").read_bytes() == OWN
        assert not strike(public, port, 5).closed  # the friend with the same bytes: a good attack
    assert (folder / "files" / "owned").read_bytes() == b"owned"


@pytest.mark.parametrize("strike", [over_tcp, over_udp], ids=["tcp", "udp"])
@pytest.mark.parametrize("serving", [host_serving, board_serving], ids=["host", "micropython"])
def test_a_refused_stranger_changes_nothing(folder, serving, strike):
    with serving(folder, "--allow", FRIEND.public.hex()) as (public, port):
        for seed in (66, 67, 68):
            assert strike(public, port, seed).peer_code == PEER_NOT_ALLOWED
    assert [path.name for path in (folder / "files").iterdir()] == ["owned"]
    assert (folder / "files" / "owned").read_bytes() == OWN


@pytest.mark.parametrize("strike", [over_tcp, over_udp], ids=["tcp", "udp"])
def test_by_the_trust_store_too(folder, strike):
    with host_serving(folder) as (public, port):
        assert strike(public, port).peer_code == NOT_PAIRED
    assert (folder / "files" / "owned").read_bytes() == OWN
    assert len(NAMES) == 6
