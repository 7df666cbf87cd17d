"""Discovery and trust stay total and bounded, whatever comes over the wire or out of a file."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dsoftbus.base.codec import is_name
from dsoftbus.const import SMALL
from dsoftbus.discovery import announce
from dsoftbus.discovery.announce import Announcement
from dsoftbus.discovery.peers import Peers
from dsoftbus.errors import (
    BAD_PAIRING_URI,
    MALFORMED,
    NEXT_KEY_UNPROVEN,
    STORE_DAMAGED,
    STORE_FULL,
    LocalError,
    PeerError,
)
from dsoftbus.identity import base32, device_id
from dsoftbus.trust import acl, invitation, rotation, store
from dsoftbus.trust.invitation import from_base32
from dsoftbus.trust.pairing import TABLE, Pairing
from dsoftbus.trust.store_text import decode
from dsoftbus_host import crypto
from support import Random, signed, store_body

texts = st.text(min_size=1, max_size=16).filter(lambda text: len(text.encode()) <= 32)
names = texts.filter(is_name)
keys = st.binary(min_size=32, max_size=32)
links = st.tuples(st.integers(0, 255), st.integers(1, 65535))


@st.composite
def announcements(draw) -> Announcement:
    said = Announcement(
        draw(names),
        draw(keys),
        tuple(draw(st.lists(links, max_size=8))),
        tuple(draw(st.lists(names, max_size=16))),
        draw(names | st.just("")),
    )
    said.sequence = draw(st.integers(0, 2**30 - 1))
    said.lifetime_s = draw(st.just(0) | st.integers(5, 600))
    said.flags = draw(st.integers(0, 255))
    return said


@given(announcements())
def test_an_announcement_comes_back_as_it_was(said):
    read = announce.decode(said.encode())
    assert vars(read) == vars(said)


@given(announcements(), st.data())
def test_a_bent_announcement_is_refused_or_says_what_it_says(said, data):
    packet = bytearray(said.encode())
    at = data.draw(st.integers(0, len(packet) - 1))
    packet[at:] = data.draw(st.binary(max_size=40)) + packet[at + data.draw(st.integers(0, 40)) :]
    try:
        read = announce.decode(packet)
    except PeerError as error:
        assert error.label.startswith("discovery.reject.")
    else:
        assert read.encode() == packet


@given(st.binary(max_size=1300).map(lambda tail: b"NXSB" + tail) | st.binary(max_size=64))
def test_any_bytes_are_an_announcement_or_refused(packet):
    announce.claimed(packet)
    try:
        assert announce.decode(packet).encode() == packet
    except PeerError as error:
        assert error.label.startswith("discovery.reject.")


@given(st.binary(max_size=64))
def test_base32_comes_back(raw):
    assert from_base32(base32(raw)) == from_base32(base32(raw).upper()) == raw


@given(st.text(max_size=80).map(lambda text: "dsoftbus:" + text) | st.text(max_size=600))
def test_any_text_is_an_invitation_or_refused(uri):
    try:
        invitation.decode(uri)
    except PeerError as error:
        assert error.code == BAD_PAIRING_URI


@given(keys, st.binary(min_size=16, max_size=16), names, st.lists(names, max_size=2))
def test_an_invitation_comes_back_as_it_was(key, token, name, hosts):
    made = invitation.Invitation(key, token, name, tuple(f"tcp://{host}:80" for host in hosts))
    try:
        uri = made.encode()
    except LocalError:
        assert len(hosts) and len("".join(hosts).encode()) > 32  # escaped, it was too long
        return
    if "" in hosts:
        with pytest.raises(PeerError):
            invitation.decode(uri)
        return
    assert vars(invitation.decode(uri)) == vars(made)


@st.composite
def stores(draw) -> store.TrustStore:
    made = store.TrustStore(SMALL)
    for key in draw(st.lists(keys, max_size=4)):
        grants = [acl.grant("allow in " + name) for name in draw(st.lists(patterns, max_size=3))]
        made.add(store.Entry(key, draw(names), grants, draw(st.integers(0, 2**37))))
    for name in draw(st.lists(patterns, max_size=3)):
        made.add_rule(acl.rule("deny both paired " + name))
    return made


patterns = names.filter(lambda name: "*" not in name)


@given(stores())
def test_a_store_comes_back_as_it_was(made):
    text = made.encode()
    assert decode(text, SMALL).encode() == text


@given(stores(), st.data())
def test_a_bent_store_is_damaged(made, data):
    text = made.encode()
    at = data.draw(st.integers(0, len(text) - 1))
    bent = text[:at] + data.draw(st.text(max_size=4)) + text[at + data.draw(st.integers(0, 4)) :]
    if bent != text:
        assert refusal(bent) == STORE_DAMAGED


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(("peers", "rules", "id", "key", "grants", "name")), inner
            )
        ),
    )
)
def test_any_json_with_a_right_check_is_a_store_or_damaged(content):
    peers = content if isinstance(content, list) else [content]
    for body in (
        store_body(peers, content),
        json.dumps({"dsoftbus-trust": 1, "peers": content, "rules": content})[:-1],
    ):
        if content != []:  # that is a store without peers and rules
            assert refusal(signed(body)) in (STORE_DAMAGED, STORE_FULL)


def refusal(text: str) -> int:
    try:
        decode(text, SMALL)
    except LocalError as error:
        return error.code
    return 0


messages = st.tuples(st.integers(0, 7), st.binary(max_size=40)).map(lambda m: bytes(m[:1]) + m[1])
sized = st.sampled_from((33, 32, 32, 32, 1)).flatmap(lambda n: st.binary(min_size=n, max_size=n))
shaped = st.tuples(st.integers(1, 5), sized).map(lambda m: bytes(m[:1]) + m[1])


@given(st.booleans(), st.lists(messages | shaped, max_size=8))
def test_a_pairing_never_ends_well_by_what_a_stranger_says(opener, said):
    pairing = Pairing(opener, b"h" * 32, Random(1), 0)
    for message in said:
        pairing.receive(message, 0)
        while pairing.poll_transmit():
            pass
    assert not pairing.paired
    assert pairing.ended == (pairing.code != 0)
    if not pairing.ended:
        assert any(TABLE.get(pairing.state + trigger) for trigger in range(1, 7))
        if pairing.digits:
            pairing.confirm(pairing.digits)
            assert not pairing.paired


SUITE = crypto.suite(1)


class Session:
    """It has as much of one as rotation looks at."""

    class local:
        static = SUITE.keypair(b"\1" * 32)

    handshake_hash = b"h" * 32
    resumed = False

    peer_public = SUITE.keypair(b"\2" * 32).public


class Resumed(Session):
    resumed = True


@given(st.binary(max_size=80) | st.binary(min_size=68, max_size=68).map(lambda b: b"\1" + b))
def test_any_key_message_is_refused(message):
    for session in (Session, Resumed):
        try:
            rotation.accept(SUITE, session, message)
        except PeerError as error:
            assert error.code in (MALFORMED, NEXT_KEY_UNPROVEN)
        else:
            raise AssertionError("a proof was guessed")


class Table(RuleBasedStateMachine):
    """The table of peers under any order of what can happen to it."""

    def __init__(self):
        super().__init__()
        self.peers = Peers(SMALL, "own", lambda device: device == device_id(bytes(32)))
        self.now = 0
        self.told = {}

    def key(self, n: int) -> bytes:
        return n.to_bytes(32, "big")

    @rule(n=st.integers(0, 40), sequence=st.integers(0, 3), lifetime=st.sampled_from((0, 5, 60)))
    def hear(self, n, sequence, lifetime):
        key = self.key(n)
        said = Announcement(device_id(key), key, ((1, 1),))
        said.sequence = sequence
        said.lifetime_s = lifetime
        self.peers.receive_datagram(said.encode(), ("h", 1), self.now)

    @rule(n=st.integers(0, 40))
    def join(self, n):
        self.peers.joined(self.key(n), (1, "h", 1))

    @rule(n=st.integers(0, 40))
    def leave(self, n):
        self.peers.left(device_id(self.key(n)), self.now)

    @rule(n=st.integers(0, 40))
    def forget(self, n):
        self.peers.forget(device_id(self.key(n)))

    @rule(n=st.integers(0, 40))
    def attempt(self, n):
        try:
            self.peers.attempt(device_id(self.key(n)), self.now)
            self.peers.failed(device_id(self.key(n)), self.now)
        except LocalError as error:
            assert error.label.startswith("discovery.")

    @rule(ms=st.integers(0, 20000))
    def wait(self, ms):
        self.now += ms
        self.peers.handle_timer(self.now)

    @rule()
    def listen(self):
        event = self.peers.next_event()
        while event:
            online = event.kind == 16
            assert self.told.get(event.peer, False) != online, "told twice"
            self.told[event.peer] = online
            event = self.peers.next_event()
        for device, online in self.told.items():
            peer = self.peers.get(device)
            assert online == (peer is not None and peer.online)

    @invariant()
    def bounded(self):
        assert len(self.peers) <= SMALL.peers
        deadline = self.peers.poll_timer()
        assert deadline is None or deadline >= 0


TestTable = Table.TestCase
