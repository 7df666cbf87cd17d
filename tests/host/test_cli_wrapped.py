"""The commands over QUIC and WebSockets, in processes of their own."""

import pytest

from commands import Serving, digest, make_file, run

LINKS = ("quic", "ws")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(the node, its addresses by link)"""
    folder = tmp_path_factory.mktemp("served")
    with Serving(folder / "served", "--anyone", "--quic", 0, "--ws", 0) as node:
        lines = [node.process.stdout.readline().split()[-1] for _ in LINKS]
        yield node, {text.partition("://")[0]: text for text in lines}


@pytest.mark.parametrize("link", LINKS)
def test_a_peer_is_reached(tmp_path, key, served, link):
    """It is pinged, a call is answered, and a file goes there and back."""
    _, addresses = served
    there = addresses[link]
    assert there.startswith(f"{link}://")
    pinged = run("ping", "-c", 2, "--interval", 0, there, *key)
    assert f" at {link}://127.0.0.1:" in pinged.stdout, pinged
    assert "2 sent, 2 answered" in pinged.stdout
    asked = run("time", there, *key)
    assert asked.returncode == 0, asked
    file = make_file(tmp_path / f"{link}.bin", 300_000)
    sent = run("send", file, there, *key)
    assert sent.stdout == f"stored {link}.bin, SHA-256 {digest(file)}\n", sent
    back = tmp_path / "back"
    back.mkdir()
    fetched = run("fetch", f"{link}.bin", there, "--dir", back, *key)
    assert fetched.returncode == 0, fetched
    assert digest(back / f"{link}.bin") == digest(file)


def test_a_wrong_path_and_a_strict_link_say_what_was_wrong(key, served):
    _, addresses = served
    refused = run("ping", "-c", 1, addresses["ws"] + "/other", *key)
    assert refused.returncode == 1
    assert "404" in refused.stderr
    other = run("ping", "-c", 1, addresses["ws"].replace("ws://", "wss://"), *key)
    assert other.returncode == 1
    assert "no connection to" in other.stderr


def test_a_certificate_and_its_key_go_together(tmp_path, key):
    cert = make_file(tmp_path / "cert.pem", 10)
    done = run("serve", "--anyone", "--ws", 0, "--cert", cert, *key)
    assert done.returncode == 2
    assert "--cert-key" in done.stderr
