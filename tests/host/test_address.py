"""KEY@HOST:PORT, as people write it."""

import pytest

from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_host.address import Address, parse, public_key

KEY = bytes(range(32))
HEX = KEY.hex()


@pytest.mark.parametrize(
    ("place", "host", "port"),
    [
        ("127.0.0.1:37020", "127.0.0.1", 37020),
        ("board.local:1", "board.local", 1),
        ("[::1]:65535", "::1", 65535),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ("localhost:080", "localhost", 80),
    ],
)
def test_what_is_written_is_what_is_meant(place, host, port):
    address = parse(f"{HEX}@{place}")
    assert address == Address(KEY, host, port)
    assert parse(f"tcp://{HEX.upper()}@{place}") == address
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "host", "written"),
    [
        ("host:80", "host", "host:80"),
        ("host:80/", "host", "host:80"),
        ("host:80/dsoftbus", "host", "host:80"),
        ("host:80/a/b@c:d?e=1", "host/a/b@c:d?e=1", "host:80/a/b@c:d?e=1"),
        ("[::1]:80/x", "::1/x", "[::1]:80/x"),
    ],
)
def test_a_web_address_may_have_a_path(text, host, written):
    for link in ("ws", "wss"):
        address = parse(f"{link}://{HEX}@{text}")
        assert address == Address(KEY, host, 80, link)
        assert str(address) == f"{link}://{HEX}@{written}"
        assert parse(str(address)) == address


@pytest.mark.parametrize("path", ["/a b", "/é", "/a#b", "/" + "x" * 256, "/\0"])
def test_a_path_is_that_of_a_url(path):
    with pytest.raises(LocalError) as raised:
        parse(f"ws://{HEX}@host:80{path}")
    assert raised.value.code == BAD_ARGUMENT


@pytest.mark.parametrize("link", ["udp", "auto", "quic"])
def test_the_link_is_the_scheme(link):
    address = parse(f"{link}://{HEX}@[::1]:80")
    assert address == Address(KEY, "::1", 80, link)
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "@:",
        HEX,
        f"{HEX}@",
        f"{HEX}@host",
        f"{HEX}@:80",
        f"{HEX}@host:",
        f"{HEX}@host:0",
        f"{HEX}@host:65536",
        f"{HEX}@host:-1",
        f"{HEX}@host:+1",
        f"{HEX}@host:http",
        f"{HEX}@host:²",
        f"{HEX}@host:٣",
        f"{HEX}@host:{'9' * 5000}",
        f"{HEX}@[]:80",
        f"{HEX}@[::1:80",
        "@host:80",
        f"{HEX[:-2]}@host:80",
        f"{HEX}00@host:80",
        f"{'z' * 64}@host:80",
        f"ftp://{HEX}@host:80",
        f"://{HEX}@host:80",
        f"{HEX}@{HEX}@host:80",
        "serial://",
        f"serial://{HEX}",
        f"serial://{HEX}@",
        "serial://@/dev/ttyACM0",
    ],
)
def test_anything_else_says_what_is_wrong(text):
    with pytest.raises(LocalError) as caught:
        parse(text)
    assert caught.value.code == BAD_ARGUMENT
    assert caught.value.detail


@pytest.mark.parametrize(
    "path", ["/dev/ttyACM0", "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0"]
)
def test_a_cable_is_named_by_its_port(path):
    there = parse(f"serial://{HEX}@{path}")
    assert (there.host, there.port, there.link) == (path, 0, "serial")
    assert parse(str(there)) == there


@pytest.mark.parametrize("text", ["", "00", HEX + "0", HEX[:-1] + "g", "é" * 64])
def test_a_key_has_64_hex_digits(text):
    with pytest.raises(LocalError) as caught:
        public_key(text)
    assert "64 hex digits" in str(caught.value)
