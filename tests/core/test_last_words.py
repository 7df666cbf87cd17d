"""The end of a session, and the streams that nobody has taken up by then."""

from dsoftbus.const import EV_CLOSED, EV_OPENED, EV_READABLE, EV_RESET, SMALL
from dsoftbus.errors import END_LOCAL, END_PEER, TRUST_REVOKED
from dsoftbus.session.session import CLOSING
from pairs import Sessions, all_events, drain, ended, events


def test_close_waits_until_the_peer_takes_up_what_was_said_and_finished():
    for answer in ("accept", "reset"):
        pair = Sessions().established()
        stream = pair.a.open("s")
        stream.send(b"said and gone")
        stream.finish()
        pair.a.close(0)
        pair.drive()
        assert pair.a.state == CLOSING and not pair.b.closed
        opened = all_events(pair.b)[0]
        assert opened.kind == EV_OPENED
        getattr(opened.stream, answer)()
        pair.drive()
        ended(pair.a, END_LOCAL)
        assert pair.b.cause == END_PEER
        assert opened.stream.recv(99) == (b"said and gone" if answer == "accept" else b"")


def test_close_does_not_wait_for_ever_for_who_takes_nothing_up():
    pair = Sessions().established()
    pair.a.open("s").finish()
    pair.a.close(0)
    pair.drive()
    pair.a.handle_timer(SMALL.close_ms - 1)
    assert pair.a.state == CLOSING
    pair.a.handle_timer(SMALL.close_ms)
    ended(pair.a, END_LOCAL)


def test_of_a_stream_that_nobody_heard_of_before_the_end_there_is_no_event():
    """However the session ends: a handler that began now would serve nobody."""

    def by_peer(pair):
        pair.a.refuse(END_LOCAL)
        pair.move(pair.a, pair.b)

    def revoked(pair):
        pair.b.refuse(TRUST_REVOKED)

    def lost(pair):
        pair.b.link_lost()

    def closed(pair):
        pair.b.close(0)
        drain(pair.b)

    for end in (by_peer, revoked, lost, closed):
        pair = Sessions().established()
        heard = pair.a.open("heard of")
        pair.drive()
        assert events(pair.b) == [EV_OPENED]
        heard.send(b"x")
        for name in ("one", "two"):
            stream = pair.a.open(name)
            stream.send(b"data")
            stream.finish()
        pair.move(pair.a, pair.b)
        end(pair)
        assert pair.b.closed
        found = all_events(pair.b)
        assert [e.kind for e in found] == [EV_READABLE, EV_RESET, EV_CLOSED], end
        assert found[0].stream.name == found[1].stream.name == "heard of"
        assert events(pair.b) == []
