"""Announcements through a bridge, without sockets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsoftbus.const import LINK_DATAGRAM, LINK_STREAM, SMALL, U30_MAX
from dsoftbus.discovery.announce import FLAG_PAIRING, FLAG_QUERY, Announcement, decode
from dsoftbus.discovery.padding import padded
from dsoftbus.discovery.peers import Peers
from dsoftbus.identity import device_id
from dsoftbus_host.bridge.announcements import NEWS, NEWS_HOST, NEWS_MAX, Announcements

MTU = 479
PORT = 40000
HERE = ("192.0.2.7", 37020)
BOARD = bytes(31) + b"\x07"


def key(n: int) -> bytes:
    return n.to_bytes(32, "big")


def packet(n: int = 7, sequence: int = 1, links=((LINK_DATAGRAM, 4000),), flags: int = 0, **more):
    said = Announcement(device_id(key(n)), key(n), links, more.get("services", ()), f"n{n}")
    said.sequence = sequence
    said.flags = flags
    said.lifetime_s = more.get("lifetime_s", 60)
    return said.encode()


def make() -> Announcements:
    announcements = Announcements(PORT, MTU, 5, 0)
    announcements.from_board(packet(7, 1, ()), 0)
    return announcements


def test_the_board_is_announced_with_the_bridges_port_and_its_own_key():
    announcements = Announcements(PORT, MTU, 5, 0)
    said = decode(announcements.from_board(packet(7, 9, ((LINK_STREAM, 1),), FLAG_PAIRING), 0))
    assert said.links == ((LINK_DATAGRAM, PORT),)
    assert (said.public, said.id, said.sequence, said.name) == (BOARD, device_id(BOARD), 9, "n7")
    assert said.flags == FLAG_PAIRING | FLAG_QUERY  # the first time the bridge asks who is there
    again = decode(announcements.from_board(packet(7, 10, ()), 1))
    assert (again.sequence, again.flags) == (10, 0)
    peers = Peers(SMALL, device_id(key(1)))
    peers.receive_datagram(again.encode(), HERE, 0)
    assert peers.get(said.id).routes() == [(LINK_DATAGRAM, HERE[0], PORT)]


def test_a_question_from_the_network_is_answered_in_the_boards_name_and_not_counted():
    announcements = make()
    assert announcements.from_network(packet(1), HERE, 0) is None
    answer = decode(announcements.from_network(packet(1, 2, flags=FLAG_QUERY), HERE, 0))
    assert (answer.id, answer.sequence, answer.flags) == (device_id(BOARD), 1, 0)
    assert announcements.from_network(packet(1, 2, flags=FLAG_QUERY), HERE, 0) is None  # a replay


def test_without_a_board_nothing_is_said():
    announcements = Announcements(PORT, MTU, 5, 0)
    assert announcements.from_network(packet(1, flags=FLAG_QUERY), HERE, 0) is None
    assert announcements.gone(0) is None and announcements.handle_timer(1) is None
    assert announcements.next_news(0) is None


def test_the_board_hears_of_nodes_that_udp_reaches():
    announcements = make()
    services = ("echo",)
    announcements.from_network(packet(1, services=services, flags=FLAG_QUERY), HERE, 0)
    announcements.from_network(packet(2, links=((LINK_STREAM, 4000),)), HERE, 0)
    announcements.from_network(packet(3, links=()), HERE, 0)
    news = announcements.next_news(0)
    assert (news.address, news.lifetime_ms) == ((HERE[0], 4000), 60000)
    said = decode(news.packet)
    assert (said.id, said.links, said.services, said.flags) == (
        device_id(key(1)),
        (),
        services,
        0,
    )
    assert announcements.next_news(0) is None


def test_the_board_hears_no_more_than_its_cable_bears_and_the_newest():
    announcements = make()
    for n in range(100, 100 + NEWS_MAX + 9):
        announcements.from_network(packet(n), (f"192.0.2.{n}", 1), 0)
    announcements.from_network(packet(100, 2, lifetime_s=0), ("192.0.2.100", 1), 0)
    got = []
    for now in range(0, 5000, 50):
        news = announcements.next_news(now)
        if news is not None:
            got.append(decode(news.packet))
    assert NEWS * 5 <= len(got) <= NEWS * 6
    assert (got[0].id, got[0].sequence, got[0].lifetime_s) == (device_id(key(100)), 2, 0)


def test_an_announcement_too_long_for_the_line_goes_without_services():
    announcements = make()
    services = tuple(f"{i:064d}" for i in range(8))
    announcements.from_network(packet(1, services=services), HERE, 0)
    said = decode(announcements.next_news(0).packet)
    assert said.services == () and said.name == "n1"


def test_the_board_hears_nothing_of_itself_and_a_forged_key_is_dropped():
    announcements = make()
    assert announcements.from_network(packet(7, 99), HERE, 0) is None
    forged = bytearray(packet(1))
    forged[10] ^= 1
    announcements.from_network(bytes(forged), HERE, 0)
    assert announcements.next_news(0) is None


def test_a_board_that_goes_or_falls_silent_is_said_to_be_gone():
    announcements = make()
    peers = Peers(SMALL, device_id(key(1)))
    peers.receive_datagram(announcements.from_board(packet(7, 2, ()), 0), HERE, 0)
    assert peers.get(device_id(BOARD)).online
    assert announcements.handle_timer(59999) is None
    peers.receive_datagram(announcements.handle_timer(60000), HERE, 1)
    assert not peers.get(device_id(BOARD)).online
    assert announcements.board is None and announcements.handle_timer(60001) is None
    # It comes back with a sequence above that of the goodbye.
    assert decode(announcements.from_board(packet(7, 4, ()), 61000)).sequence == 4
    goodbye = announcements.from_board(packet(7, 5, (), lifetime_s=0), 61000)
    assert decode(goodbye).lifetime_s == 0 and announcements.board is None


def test_the_last_sequence_has_a_goodbye_too():
    announcements = make()
    announcements.from_board(packet(7, U30_MAX, ()), 0)
    assert decode(announcements.gone(0)).lifetime_s == 0


def test_another_board_on_the_cable_is_another_node():
    announcements = make()
    announcements.from_network(packet(1), HERE, 0)
    announcements.from_board(packet(8, 1, ()), 1)
    assert announcements.next_news(1) is None
    announcements.from_network(packet(7, 3), HERE, 2)  # the former is somewhere else now
    assert decode(announcements.next_news(2).packet).id == device_id(BOARD)


def test_the_bridge_asks_the_board_who_it_is():
    announcements = Announcements(PORT, MTU, 5, 0)
    peers = Peers(SMALL, device_id(BOARD))
    _, flags = peers.receive_datagram(announcements.next_question(0), (3, "", 0), 0)
    assert flags & FLAG_QUERY and next(iter(peers)).name == "bridge"
    assert announcements.next_question(1) is None
    announcements.plugged(2)
    assert decode(announcements.next_question(2)).sequence > 5


@pytest.mark.parametrize("flaw", [b"", b"NXSB", packet(7)[:-1], packet(7) + b"x"])
def test_what_the_board_says_amiss_is_dropped_and_counted(flaw):
    announcements = Announcements(PORT, MTU, 5, 0)
    assert announcements.from_board(flaw, 0) is None and announcements.dropped == 1
    said = Announcement(device_id(key(1)), key(2))
    assert announcements.from_board(said.encode(), 0) is None and announcements.dropped == 2


@given(
    st.lists(st.tuples(st.booleans(), st.binary(max_size=300), st.integers(0, 300)), max_size=30)
)
def test_whatever_is_announced_nothing_raises(items):
    announcements = make()
    good = packet(1, 7, flags=FLAG_QUERY)
    for i, (from_board, data, cut) in enumerate(items):
        mixed = good[:cut] + data
        if from_board:
            announcements.from_board(mixed, i)
        else:
            announcements.from_network(mixed, HERE, i)
        announcements.next_news(i)
        announcements.handle_timer(i)


def test_one_host_does_not_keep_the_board_from_hearing_of_others():
    announcements = make()
    for n in range(100, 1000):
        announcements.from_network(packet(n), HERE, n)
    announcements.from_network(packet(1), ("192.0.2.8", 1), 1000)
    heard = [
        decode(announcements.next_news(1000 + 250 * i).packet).id for i in range(NEWS_HOST + 1)
    ]
    assert heard[-1] == device_id(key(1))
    assert announcements.next_news(100000) is None


@pytest.mark.parametrize("length", range(70, 500, 7))
def test_no_answer_to_the_network_is_longer_than_its_question(length):
    announcements = Announcements(PORT, MTU, 5, 0)
    services = tuple(f"service/{n}" for n in range(12))
    announcements.from_board(packet(7, 1, (), services=services), 0)
    said = Announcement(device_id(key(1)), key(1))
    said.flags = FLAG_QUERY
    question = padded(said, length)
    answer = announcements.from_network(question, HERE, 0)
    whole = len(announcements.board.encode())
    assert answer is None or len(answer) <= len(question)
    if len(question) >= whole:
        assert decode(answer).services == services
    assert answer or len(question) < 90
