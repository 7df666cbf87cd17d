"""Manifests of versions: one text for each, and nothing else is taken."""

import binascii
import io

from dsoftbus.errors import BAD_ARGUMENT, UPDATE_MANIFEST, PeerError
from dsoftbus.update.lines import NAME_MAX, find
from dsoftbus.update.manifest import (
    FILES_MAX,
    MANIFEST,
    MANIFEST_MAX,
    Manifest,
    is_name,
    is_version,
)
from dsoftbus.update.manifest_text import manifest_text
from dsoftbus.update.versions import newer
from support import raises

FILES = {
    "b/c.html": (b"\x02" * 32, 0),
    "app.py": (b"\x01" * 32, 1234567),
    "\xe4.py": (b"3" * 32, 5),
}


def reader(text):
    data = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    return Manifest(lambda most=-1: data.readline(most))


def listed(text):
    manifest = reader(text)
    found, entry = {}, manifest.next()
    while entry is not None:
        found[entry[0]] = entry[1:]
        entry = manifest.next()
    return manifest, found


def refused(text):
    raises(UPDATE_MANIFEST, listed, text)


def test_what_was_written_is_read():
    manifest, found = listed(manifest_text("1.20.3", FILES))
    assert (manifest.version, manifest.count, manifest.size) == ("1.20.3", 3, 1234572)
    assert found == FILES


def test_it_is_json_of_a_line_a_file():
    import json

    text = manifest_text("1.2", {"app.py": (b"\xab" * 32, 7)})
    assert text == '{"version": "1.2", "files": {\n"app.py": ["%s", 7]\n}}\n' % ("ab" * 32)
    assert json.loads(text) == {"version": "1.2", "files": {"app.py": ["ab" * 32, 7]}}


def test_a_file_is_found_by_its_name():
    text = io.BytesIO(manifest_text("1", FILES).encode())
    assert find(text.readline, "b/c.html") == FILES["b/c.html"]
    text.seek(0)
    assert find(text.readline, "c.html") is None


def test_any_beginning_and_any_more_is_refused():
    text = manifest_text("1.2", FILES).encode()
    for n in range(len(text)):
        refused(text[:n])
    for more in (b"x", b"\n", b"}"):
        refused(text + more)


def test_any_other_byte_is_refused_or_says_something_else():
    text = bytearray(manifest_text("1.2", FILES).encode())
    for n in range(len(text)):
        for change in (1, 0x20, 0x80):
            other = bytearray(text)
            other[n] ^= change
            try:
                manifest, found = listed(bytes(other))
            except PeerError as error:
                assert error.code == UPDATE_MANIFEST
            else:
                assert (manifest.version, found) != ("1.2", FILES)


def test_names_out_of_order_or_twice_are_refused():
    lines = manifest_text("1", FILES).split("\n")
    refused("\n".join(lines[:1] + [lines[2], lines[1]] + lines[3:]))
    refused("\n".join(lines[:1] + [lines[1], lines[1]] + lines[2:]))


def test_names_that_lead_out_or_are_devices_are_refused():
    for name in (
        "../app.py",
        "/app.py",
        "a//b",
        "a/",
        "",
        "nul",
        "a/com1.py",
        "C:x",
        "a\\b",
        ".x",
    ):
        assert not is_name(name), name
        line = '"%s": ["%s", 1]' % (name, "ab" * 32)
        refused('{"version": "1", "files": {\n%s\n}}\n' % line)
    for name in (MANIFEST, 'a"b', "a" * (NAME_MAX + 1), "a/" * 9 + "b"):
        assert not is_name(name), name
    assert is_name("a" * NAME_MAX) and is_name("pages/" + MANIFEST)


def test_numbers_are_written_in_one_way():
    line = '"a": ["%s", %s]'
    for number in ("01", "-1", "1.0", "", "1e3", " 1", "1073741825", "99999999999"):
        refused('{"version": "1", "files": {\n%s\n}}\n' % (line % ("ab" * 32, number)))
    for hexed in ("AB" * 32, "ab" * 31, "ab" * 33, "zz" * 32):
        refused('{"version": "1", "files": {\n%s\n}}\n' % (line % (hexed, "1")))


def test_a_list_has_no_more_files_than_a_board_takes():
    many = {"%03d" % n: (b"\1" * 32, 1) for n in range(FILES_MAX)}
    assert listed(manifest_text("1", many))[0].count == FILES_MAX
    text = manifest_text("1", many)
    more = ',\n"999": ["%s", 1]\n}}\n' % str(binascii.hexlify(b"\1" * 32), "ascii")
    refused(text[: -len("\n}}\n")] + more)
    for files in ({}, dict(many, more=(b"\1" * 32, 1)), {"../a": (b"\1" * 32, 1)}):
        raises(BAD_ARGUMENT, manifest_text, "1", files)
    long_names = {("%03d" % n) + "x" * 80: (b"\1" * 32, 1) for n in range(FILES_MAX)}
    raises(BAD_ARGUMENT, manifest_text, "1", long_names)
    assert MANIFEST_MAX >= 32768


def test_versions_are_numbers_and_compared_so():
    for text in ("1", "1.4.2", "20261130.184500", "0.0", "1.2.3.4.5.6", "007"):
        assert is_version(text), text
    for text in (
        "",
        ".",
        "1.",
        ".1",
        "1..2",
        "v1",
        "1.2b",
        "-1",
        "1.2.3.4.5.6.7",
        "1234567890",
        None,
    ):
        assert not is_version(text), text
    for higher, lower in (("1.10", "1.9"), ("1.0.1", "1.0"), ("2", "1.9.9"), ("0", "")):
        assert newer(higher, lower) and not newer(lower, higher)
    assert not newer("1.0", "1.0") and not newer("01.0", "1.0")
