"""Faults in the words and the files of people end in a label and a sentence: never in a
traceback."""

import json
import string

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from dsoftbus.base.key_file import decode_secret
from dsoftbus.const import HOST
from dsoftbus.errors import KEY_FILE, STORE_DAMAGED, BusError, LocalError, PeerError
from dsoftbus.identity import base32
from dsoftbus.trust import acl, invitation, next_key_file
from dsoftbus.trust.store_text import decode
from dsoftbus_host import address, display
from dsoftbus_host.board import settings
from dsoftbus_host.cli import own_id
from dsoftbus_host.cli.command import main
from dsoftbus_host.cli.common import DEBUG, FAULT_STATUS, node_name
from dsoftbus_host.discovery import interfaces
from dsoftbus_host.storage import boot_counter, last_routes
from support import signed, store_body

# As a command line may have it: with surrogates for bytes that are no UTF-8.
anything = st.text(
    st.characters(exclude_categories=()) | st.sampled_from("²٣\0:/@?[]%"), max_size=90
)
KEY = "11" * 32


def refuses(call, text) -> None:
    """`call(text)` returns, or raises what the commands say in a line."""
    try:
        call(text)
    except (BusError, OSError) as error:
        assert display.shown(error)


@given(anything)
@example("\udcff")
def test_any_word_is_taken_or_refused(word):
    for call in (
        address.parse,
        address.public_key,
        address.port_of,
        address.check_host,
        interfaces.of,
        invitation.decode,
        invitation.from_base32,
        acl.grant,
        acl.rule,
        node_name,
    ):
        refuses(call, word)
    refuses(address.parse, f"{KEY}@{word}")
    refuses(address.parse, f"{KEY}@host:{word}")
    refuses(address.parse, f"serial://{KEY}@{word}")
    refuses(acl.grant, f"allow in {word}")
    refuses(acl.rule, f"deny both {word} *")


@given(anything, anything)
def test_any_field_of_an_invitation_is_taken_or_refused(name, place):
    begin = f"dsoftbus:{base32(bytes(32))}?t={base32(bytes(16))}"
    for field in (f"&n={name}", f"&a={place}", f"&a=tcp://host:{place}", f"&a=udp://{place}:80"):
        try:
            invited = invitation.decode(begin + field)
        except PeerError:
            continue
        for text in invited.addresses:
            assert address.port_of(text.rpartition(":")[2])


@pytest.mark.parametrize(
    "digits", ["0", "65536", "99999", "²", "٣", "1" * 5000, "", "+1", " 1", "1_0"]
)
def test_a_port_is_a_number_from_1_to_65535_in_plain_digits(digits):
    assert address.port_of(digits) is None


def test_every_port_is_one():
    assert [address.port_of(str(port)) for port in (1, 80, 65535)] == [1, 80, 65535]
    assert address.port_of("00080") == 80


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ("id", "key", "name", "grants", "paired_at", "next", "next_for_s")


@st.composite
def store_texts(draw) -> str:
    """Stores with a right check, whose values are anything."""
    peer = {field: draw(values) for field in draw(st.sets(st.sampled_from(FIELDS)))}
    peer.setdefault("key", KEY)
    rules = draw(values)
    content = {"dsoftbus-trust": draw(st.just(1) | values), "peers": [peer], "rules": rules}
    loose = json.dumps(draw(st.just(content) | values))[:-1]
    return signed(draw(st.sampled_from((loose, store_body([peer], rules)))))


@given(store_texts())
def test_a_store_with_any_values_is_damaged(text):
    with pytest.raises(LocalError) as refused:
        decode(text, HOST)
    assert refused.value.code == STORE_DAMAGED


@given(st.binary(max_size=200), st.text(string.digits + "²٣- ,.", max_size=40))
def test_any_bytes_are_no_key_and_no_plan(data, numbers):
    body = next_key_file.Plan(b"\1" * 32, 60, 0).encode()[:-17]
    cut = body[: body.rindex(b"\n") + 1] + numbers.encode() + b" "
    for reads, text in (
        (decode_secret, data),
        (next_key_file.decode, data),
        (next_key_file.decode, data + b" " + next_key_file._check(data + b" ")),
        (next_key_file.decode, cut + next_key_file._check(cut)),
    ):
        try:
            reads(text)
        except LocalError as error:
            assert error.code == KEY_FILE


@given(st.binary(max_size=64) | values.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000)
@example(b'{"a":[1,"h",' + b"9" * 5000 + b"]}")
@example(b'{"a":[1,"h",99999],"b":[1,"h",0],"c":[1,"h",80]}')
def test_any_places_are_places_or_none(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "places.json"
    path.write_bytes(data)
    for kind, host, port in last_routes.load(path).values():
        assert isinstance(kind, int) and isinstance(host, str) and 0 < port < 65536


@given(st.binary(max_size=40))
@example(b"9" * 40)
@example("²".encode())
def test_any_count_of_starts_counts(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "starts"
    path.write_bytes(data)
    assert 0 <= boot_counter.count_start(path) < 1 << 30


@given(anything)
@example("NaN")
@example("-Infinity")
@example("[" * 100_000)
@example("9" * 5000)
def test_any_setting_is_one_that_a_board_can_read(text):
    changed = settings.change({}, (f"name={text}",))
    json.dumps(changed, allow_nan=False)


# Commands


def said(*words, status: int, input=None) -> str:
    """Returns the output of a command, which ends with `status` and no traceback."""
    done = CliRunner().invoke(main, [str(word) for word in words], input=input)
    assert done.exit_code == status, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.output and "Traceback" not in done.output
    return done.output


ENTRY = '{"dsoftbus-trust":1,\n"peers":[\n{"id":"x","key":"' + KEY + '","name":"n","grants":[],'
ODD_FILES = {
    "infinity": signed(
        ENTRY + '"paired_at":Infinity,"next":"","next_for_s":0}\n],\n"rules":[]'
    ).encode(),
    "nan": signed(ENTRY + '"paired_at":NaN,"next":"","next_for_s":0}\n],\n"rules":[]').encode(),
    "overflow": signed(
        ENTRY + '"paired_at":1e999,"next":"","next_for_s":0}\n],\n"rules":[]'
    ).encode(),
    "deep": signed("[" * 50_000).encode(),
    "large": b"x" * 10_000_000,
    "long number": signed("9" * 5000).encode(),
    "no text": b"\xff\xfe\0",
    "nothing": b"",
    "null": b"null",
}


@pytest.mark.parametrize("content", ODD_FILES.values(), ids=ODD_FILES)
def test_a_file_that_is_no_store_is_not_imported(tmp_path, content):
    odd = tmp_path / "odd"
    odd.write_bytes(content)
    said("trust", "import", odd, "--trust", tmp_path / "trust.json", status=1)


def test_a_folder_is_no_store_and_no_key(tmp_path):
    said("trust", "import", tmp_path, "--trust", tmp_path / "trust.json", status=2)
    said("peers", "--trust", tmp_path, status=2)
    said("id", "--key", tmp_path, status=2)


@pytest.mark.parametrize("content", ODD_FILES.values(), ids=ODD_FILES)
def test_a_file_that_is_no_key_is_left_as_it_is(tmp_path, content):
    odd = tmp_path / "odd"
    odd.write_bytes(content)
    odd.chmod(0o600)
    said("id", "--key", odd, status=1)
    assert odd.read_bytes() == content


def test_a_plan_that_is_none_is_said(tmp_path):
    key = tmp_path / "node.key"
    said("id", "--key", key, status=0)
    key.with_name("node.key.next").write_bytes(b"\xff" * 90)
    assert "node.key.next" in said("id", "--key", key, status=1)


@pytest.mark.parametrize("port", ["99999", "²", "٣", "9" * 5000, "", "-1"])
def test_a_port_that_is_none_is_said(tmp_path, port):
    here = ("--key", tmp_path / "key", "--trust", tmp_path / "trust.json")
    file = tmp_path / "file"
    file.write_bytes(b"x")
    assert "port" in said("send", file, f"{KEY}@127.0.0.1:{port}", "--key", here[1], status=1)
    begin = f"dsoftbus:{base32(bytes(32))}?t={base32(bytes(16))}"
    assert "pairing_uri" in said("pair", f"{begin}&a=tcp://127.0.0.1:{port}", *here, status=1)


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "x\0y", "\udcff"])
def test_a_host_that_can_be_none_is_said(tmp_path, host):
    file = tmp_path / "file"
    file.write_bytes(b"x")
    said("send", file, f"{KEY}@{host}:80", "--key", tmp_path / "key", status=1)


def test_a_fault_of_the_program_is_a_line_and_says_how_to_see_more(monkeypatch):
    def fault(*_arguments):
        raise ZeroDivisionError("\x1b[2Jnobody expects this")

    monkeypatch.setattr(own_id.next_key, "load", fault)
    monkeypatch.delenv(DEBUG, raising=False)
    text = said("id", status=FAULT_STATUS)
    assert "ZeroDivisionError" in text and DEBUG in text and "\x1b" not in text
    monkeypatch.setenv(DEBUG, "1")
    done = CliRunner().invoke(main, ["id"])
    assert isinstance(done.exception, ZeroDivisionError)
