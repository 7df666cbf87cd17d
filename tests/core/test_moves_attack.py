"""Packets on another link get nothing for those who copy, forge or forward them."""

from dsoftbus.base.codec import get_u32
from dsoftbus.const import BODY_CHALLENGE, REC_INIT, REC_PROTECTED
from dsoftbus.packet.drop_labels import labelled
from dsoftbus.session.path_validation import PROOF_PACKET
from links import CABLE, NETWORK, Three
from moving import VICTIM, raw_packet, size_of


def running(**how):
    talk = Three(**how)
    talk.world.run(1500)
    return talk


def tapped(talk, link):
    """The datagrams to the victim on `link`, from now on."""
    sent = []

    def watch(source, destination, data):
        if destination == VICTIM:
            sent.append(data)

    talk.networks[link].watch = watch
    return sent


def dropped(talk, node, label):
    return sum(labelled(port.endpoint.drops).get("drop." + label, 0) for port in node.ports)


def test_a_question_alone_moves_nobody():
    """The initiator asks a path, and is answered; the responder stays, and so do its timers."""
    talk = running(mover=False)
    b = talk.sessions[talk.b]
    a = talk.sessions[talk.a]
    for n in range(20):
        packet = raw_packet(a, bytes((BODY_CHALLENGE,)) + bytes(8))
        talk.b.ports[NETWORK].link.put(packet, talk.a.ports[NETWORK].address)
        talk.world.run(50)
        assert b.validation is None and b.moves == 0, n
    assert talk.both == (CABLE, CABLE)
    talk.finish()


def test_copies_on_another_link_do_not_steal_a_session():
    """Each packet on the cable comes to the network at once, from an attacker, before the
    original is there."""
    talk = running()
    sent = tapped(talk, NETWORK)
    came = []
    send = talk.networks[CABLE].send
    cable = talk.a.ports[CABLE].address

    def forward(source, destination, data):
        if source == cable:
            came.append(data)
            talk.b.ports[NETWORK].link.put(data, VICTIM)
        send(source, destination, data)

    talk.networks[CABLE].send = forward
    talk.world.run(6000)
    assert len(came) > 20 and talk.both == (CABLE, CABLE)
    assert talk.sessions[talk.b].moves == 0
    assert sent and all(len(data) == PROOF_PACKET for data in sent), "nothing but challenges"
    assert size_of(sent) <= 3 * size_of(came)
    talk.networks[CABLE].send = send
    talk.finish()


def test_a_peer_that_names_a_victim_on_another_link_does_not_flood_it():
    talk = running(mover=False)
    sent = tapped(talk, NETWORK)
    packet = raw_packet(talk.sessions[talk.a], b"\x03")
    talk.b.ports[NETWORK].link.put(packet, VICTIM)
    talk.world.run(8000)
    assert 0 < size_of(sent) <= 3 * len(packet)
    assert talk.sessions[talk.b].validation is None and talk.both == (CABLE, CABLE)
    assert dropped(talk, talk.b, "path_unproved") == 1
    talk.finish()


def test_junk_with_the_id_of_a_session_is_dropped_and_counted():
    talk = running()
    b = talk.sessions[talk.b]
    junk = bytearray(60)
    junk[0] = REC_PROTECTED
    junk[1:5] = b.connection.to_bytes(4, "big")
    junk[5:9] = (1000).to_bytes(4, "big")
    for _ in range(50):
        talk.b.ports[NETWORK].link.put(bytes(junk), VICTIM)
    assert dropped(talk, talk.b, "forged") == 50
    assert b.validation is None and b.moves == 0
    talk.finish()


def test_flights_do_not_cross():
    """Only packets of an established session come by other links."""
    talk = running()
    b = talk.sessions[talk.b]
    for kind in range(REC_INIT + 1, 8):
        if kind != REC_PROTECTED:
            flight = bytes((kind,)) + b.connection.to_bytes(4, "big") + bytes(40)
            before = dropped(talk, talk.b, "unknown_connection")
            unknown = dropped(talk, talk.b, "unknown_type")
            talk.b.ports[NETWORK].link.put(flight, VICTIM)
            after = dropped(talk, talk.b, "unknown_connection")
            assert after - before + dropped(talk, talk.b, "unknown_type") - unknown == 1, kind
    talk.finish()


def test_a_link_that_carries_less_than_the_session_sends_is_no_path():
    """Neither side takes it, whoever asks for that."""
    talk = running(begin=NETWORK)
    assert [path.rank for path in talk.mover.paths] == [1, 2]
    a, b = talk.sessions[talk.a], talk.sessions[talk.b]
    talk.b.ports[CABLE].link.put(raw_packet(a, b"\x03"), 0)
    assert b.validation is None and dropped(talk, talk.b, "path_not_tried") == 1
    talk.cut(NETWORK)
    talk.until_on(2)
    talk.finish()


def test_ids_are_alone_in_a_node():
    """Two links of a node never give out one id twice: packets would find the wrong session."""
    talk = running()
    taken = talk.sessions[talk.b].connection
    draws = [taken.to_bytes(4, "big"), (taken ^ 1).to_bytes(4, "big")]
    endpoint = talk.b.ports[NETWORK].endpoint
    random = endpoint.local.random
    endpoint.local.random = lambda n: draws.pop(0)
    try:
        assert endpoint.free_id() == taken ^ 1
    finally:
        endpoint.local.random = random
    assert get_u32(taken.to_bytes(4, "big"), 0) == taken
    talk.finish()


def test_a_move_without_memory_is_none():
    talk = running()
    tries = []

    class Connections:
        """It lacks memory twice."""

        def get(self, session):
            tries.append(session)
            if len(tries) < 3:
                raise MemoryError

    talk.a.ports[CABLE].connections = Connections()
    run = talk.a.ports[NETWORK].turn

    def turn():
        try:
            run()
        except MemoryError:
            session = talk.sessions[talk.a]
            assert session.endpoint is talk.a.ports[CABLE].endpoint
            assert not talk.a.ports[NETWORK].endpoint.sessions and session.path == 0

    talk.a.ports[NETWORK].turn = turn
    talk.a.ports[NETWORK].link._on_datagram = turn
    talk.networks[2].part(talk.a.ports[2].address, talk.b.ports[2].address)
    talk.pull(CABLE)
    talk.until_on(NETWORK)
    assert len(tries) == 3
    talk.finish()


def test_who_only_follows_stays_where_the_old_path_answers():
    """A packet of the peer comes by the network, and the peer is on the cable still."""
    talk = running(mover=False)
    packet = raw_packet(talk.sessions[talk.a], b"\x03")
    talk.b.ports[NETWORK].link.put(packet, talk.a.ports[NETWORK].address)
    talk.world.run(5000)
    assert talk.both == (CABLE, CABLE)
    talk.finish()


def test_forged_addresses_of_one_link_make_nobody_forget_another():
    """Two paths of a kind at most are known, whatever is announced, and one of each other kind."""
    talk = running()
    for n in range(50):
        talk.mover.offer(talk.a.ports[NETWORK], 100 + n, 1, talk.world.now_ms)
    at = talk.b.ports[NETWORK].address
    talk.mover.offer(talk.a.ports[NETWORK], at, 1, talk.world.now_ms)
    ranks = sorted(path.rank for path in talk.mover.paths)
    assert ranks == [0, 1, 1, 2]
    talk.pull(CABLE)
    talk.until_on(NETWORK)
    talk.finish()


def test_a_session_that_has_ended_says_its_last_words_where_it_is():
    """The peer answers a question, and this side has closed in between."""
    talk = running()
    talk.networks[CABLE].part(*(node.ports[CABLE].address for node in (talk.a, talk.b)))
    session = talk.sessions[talk.a]
    talk.mover.lost(talk.a.ports[CABLE], talk.world.now_ms)
    talk.world.run(2)
    session.refuse(1)
    talk.a.turn()
    talk.world.run(20000)
    assert talk.where(talk.a) == CABLE or not talk.a.node.sessions
    assert not talk.a.node.sessions and not talk.a.ports[NETWORK].endpoint.sessions
