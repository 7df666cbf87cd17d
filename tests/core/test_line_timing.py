"""The times at which a line sends again: slow answers, spoilt frames, other formats."""

from binascii import crc32

from dsoftbus.line.cobs import encode
from dsoftbus.line.line import FRAME_ROOM, NEIGHBOUR, Line
from support import Random

LONG_MS = 60000
ALONE = 14  # bytes that an acknowledgement without a fragment takes at most


class Ends:
    """Two lines, and what each says, carried by hand."""

    def __init__(self):
        self.near, self.far = Line(1), Line(2)
        self.now = 0
        self._out = bytearray(FRAME_ROOM)
        self._datagram = bytearray(1200)

    def frames(self, line) -> list:
        """Returns the frames that `line` has to send now."""
        found = []
        n = line.poll_transmit(self._out, self.now)
        while n:
            found.append(bytes(self._out[:n]))
            n = line.poll_transmit(self._out, self.now)
        return found

    def hear(self, line, frames) -> None:
        for frame in frames:
            while frame:
                view = line.space()
                n = min(len(view), len(frame))
                view[:n] = frame[:n]
                frame = frame[n:]
                line.filled(n, self.now)
        while line.recvfrom_into(self._datagram) is not None:
            pass

    def wait(self, line, until: int) -> list:
        """Lets time pass, alone, and returns what `line` says meanwhile, each with its time."""
        said = []
        due = line.poll_timer()
        while due is not None and due <= until:
            self.now = max(self.now, due)
            line.handle_timer(self.now)
            said += [(self.now, frame) for frame in self.frames(line)]
            due = line.poll_timer()
        self.now = until
        return said

    def send(self, n: int) -> list:
        assert self.near.sendto(bytes(n), n, NEIGHBOUR)
        return self.frames(self.near)

    def settle(self, rtt_ms: int, rounds: int = 20) -> None:
        """Messages that are answered after `rtt_ms`."""
        for _ in range(rounds):
            sent = self.send(50)
            sent += [frame for _, frame in self.wait(self.near, self.now + rtt_ms)]
            for frame in sent:
                self.hear(self.far, [frame])
                self.far.handle_timer(self.now + LONG_MS)  # its acknowledgement waits no longer
                self.hear(self.near, self.frames(self.far))


def fragments(frames) -> list:
    """Those of them that have one, and not an acknowledgement alone."""
    return [frame for frame in frames if len(frame) > ALONE]


def spoil(frame: bytes) -> bytes:
    return frame[:5] + bytes((frame[5] ^ 1 or 2,)) + frame[6:]


def test_slow_answers_are_waited_for_from_the_first_on():
    for rtt_ms in (1, 100, 500, 1000, 2000):
        ends = Ends()
        ends.settle(rtt_ms)
        assert ends.near.lost == ends.near.needless == 0, rtt_ms
        assert ends.near.fragment_bytes == 240


def test_answers_that_become_slow_are_learnt_from_though_all_was_sent_again():
    """It never ends if only fragments that are sent once are measured."""
    ends = Ends()
    ends.settle(1)
    ends.settle(4000, 3)
    lost = ends.near.lost
    assert 0 < ends.near.needless <= lost <= 6
    ends.settle(4000)
    assert ends.near.lost <= lost + 2
    assert ends.near.fragment_bytes == 240
    assert not ends.near.abandoned


def test_a_timeout_asks_with_one_fragment_and_the_next_one_waits_longer():
    ends = Ends()
    ends.settle(1)
    assert len(ends.send(900)) == 4
    said = ends.wait(ends.near, ends.now + 13000)
    times = [at for at, _ in said]
    gaps = [times[i] - times[i - 1] for i in range(1, len(times))]
    assert len(times) == 5 and gaps == sorted(gaps) and gaps[-1] == 3000


def test_whoever_is_gone_is_given_up_after_a_while():
    ends = Ends()
    ends.settle(1)
    ends.send(900)
    said = ends.wait(ends.near, ends.now + LONG_MS)
    assert len(said) == 8 and ends.near.abandoned == 1
    assert ends.near.poll_timer() is None


def test_what_is_spoilt_goes_again_at_once_though_nothing_follows_it():
    ends = Ends()
    ends.settle(100)
    (frame,) = ends.send(50)
    ends.hear(ends.far, [spoil(frame)])
    ends.hear(ends.near, ends.frames(ends.far))
    again = ends.frames(ends.near)
    assert len(fragments(again)) == 1 and ends.near.lost == 1
    ends.hear(ends.far, again)
    ends.hear(ends.near, [frame for _, frame in ends.wait(ends.far, ends.now + 1000)])
    assert ends.near.needless == 0 and ends.near.poll_timer() is None


def test_what_is_spoilt_before_anything_has_arrived_goes_again_at_once_too():
    ends = Ends()
    ends.hear(ends.far, [spoil(frame) for frame in ends.send(50)])
    ends.hear(ends.near, ends.frames(ends.far))
    assert len(fragments(ends.frames(ends.near))) == 1 and ends.near.lost == 1


def test_an_acknowledgement_that_is_spoilt_comes_again_at_once():
    ends = Ends()
    ends.settle(100)
    ends.hear(ends.far, ends.send(50))
    ((_, answer),) = ends.wait(ends.far, ends.now + 300)
    ends.hear(ends.near, [spoil(answer)])
    ends.hear(ends.far, ends.frames(ends.near))
    ends.hear(ends.near, ends.frames(ends.far))
    assert ends.near.lost == 0 and ends.near.poll_timer() is None


def test_where_it_is_noisy_an_acknowledgement_goes_without_a_fragment_behind_it():
    """In a frame of 250 bytes it would be spoilt as all else that is as long."""
    ends = Ends()
    ends.settle(100)
    sent = ends.send(900)
    assert ends.far.sendto(bytes(900), 900, NEIGHBOUR)
    ends.hear(ends.far, [spoil(frame) for frame in sent])
    frames = ends.frames(ends.far)
    assert len(frames[0]) <= ALONE and len(fragments(frames)) == len(frames) - 1 == 4


def test_an_acknowledgement_goes_without_a_fragment_where_those_were_lost():
    ends = Ends()
    ends.settle(100)
    sent = ends.send(900)
    ends.hear(ends.far, [spoil(frame) for frame in sent])
    ends.hear(ends.near, ends.frames(ends.far))  # from here on it is the other way that is noisy
    assert ends.far.sendto(bytes(200), 200, NEIGHBOUR)
    ends.hear(ends.near, ends.frames(ends.far))
    frames = ends.frames(ends.near)
    assert len(frames[0]) <= ALONE and fragments(frames[1:])


def test_one_of_several_that_is_spoilt_goes_again_alone():
    ends = Ends()
    ends.settle(100)
    sent = ends.send(900)
    sent[1] = spoil(sent[1])
    ends.hear(ends.far, sent)
    ends.hear(ends.near, ends.frames(ends.far))
    assert len(fragments(ends.frames(ends.near))) == 1
    assert ends.near.lost == 1 and ends.near.needless == 0


def test_two_noises_do_not_answer_each_other():
    """Both ends at other rates: all that is heard is spoilt, and soon nothing is said."""
    random = Random(1)
    ends = Ends()
    ends.settle(10)
    said = [b"\xff" * 20 + b"\0"]
    for _ in range(100):
        ends.hear(ends.near, said)
        said = [random(len(frame)) + b"\0" for frame in ends.frames(ends.near)]
        ends.hear(ends.far, said)
        said = [random(len(frame)) + b"\0" for frame in ends.frames(ends.far)]
    assert not said


def test_garbage_from_the_other_end_takes_nothing_that_is_under_way():
    random = Random(2)
    ends = Ends()
    ends.settle(10)
    sent = ends.send(900)
    for _ in range(40):
        ends.hear(ends.far, [random(30) + b"\0"])
    ends.hear(ends.near, ends.frames(ends.far))
    ends.hear(ends.far, sent)
    assert not ends.near.abandoned


def test_acknowledgements_wait_for_company():
    ends = Ends()
    ends.settle(10)
    ends.hear(ends.far, ends.send(50))
    assert not ends.frames(ends.far)
    assert ends.far.sendto(b"answer", 6, NEIGHBOUR)
    answers = ends.frames(ends.far)
    assert len(answers) == 1
    ends.hear(ends.near, answers)
    assert ends.near.poll_timer() is not None  # for what it owes; nothing is under way
    assert not ends.near.lost and ends.near._base == ends.near._seq


def test_acknowledgements_for_half_a_window_go_at_once():
    ends = Ends()
    ends.settle(10)
    sent = []
    for _ in range(8):
        sent += ends.send(200)
    ends.hear(ends.far, sent[:7])
    assert not ends.frames(ends.far)
    ends.hear(ends.far, sent[7:])
    assert len(ends.frames(ends.far)) == 1


def test_frames_of_the_format_before_are_counted_and_do_nothing():
    ends = Ends()
    ends.settle(10)
    before = ends.near._base, ends.near._peer, ends.near._window
    for kind in (7, 0x0F, 0x1F, 0x3F, 0x7F, 0xFF, 0x08, 0xF8):
        frame = bytes((kind, 0x5F, 1, 2, 3, 4, 5)) + b"payload of a datagram"
        check = crc32(frame) & 0xFFFF
        wire = bytearray(b"\0\0" + frame + bytes((check >> 8, check & 255)) + b"\0")
        encode(wire, 0, len(wire) - 1)
        ends.hear(ends.near, [bytes(wire)])
    frame = bytes((0x78, 0x5F, 0, 0, 0))  # the shortest that it had
    check = crc32(frame) & 0xFFFF
    wire = bytearray(b"\0\0" + frame + bytes((check >> 8, check & 255)) + b"\0")
    encode(wire, 0, len(wire) - 1)
    ends.hear(ends.near, [bytes(wire)])
    assert ends.near.old == 9
    assert (ends.near._base, ends.near._peer, ends.near._window) == before
    assert not ends.frames(ends.near) and not ends.near.frames.dropped


def test_a_peer_that_is_there_again_is_sent_at_once_what_it_has_missed():
    ends = Ends()
    ends.settle(10)
    ends.send(50)
    ends.wait(ends.near, ends.now + 9000)  # some timeouts
    ends.far = Line(77)
    assert ends.far.sendto(b"back", 4, NEIGHBOUR)
    ends.hear(ends.near, ends.frames(ends.far))
    ends.near.handle_timer(ends.now)
    assert len(ends.frames(ends.near)) == 1
