"""COBS frames, and finding them again in whatever a line brings."""

from dsoftbus.line.cobs import ENCODED_MAX, FRAME_MAX, HEAD, Deframer, decode, encode
from support import Random


def encoded(frame) -> bytes:
    buffer = bytearray(HEAD + len(frame) + 1)
    buffer[HEAD : HEAD + len(frame)] = frame
    assert encode(buffer, 0, HEAD + len(frame)) == len(buffer)
    return bytes(buffer)


def found(deframer, data, step=0):
    """The frames that the deframer finds in `data`, fed `step` bytes at a time."""
    frames = []
    at = 0
    while at < len(data):
        view = deframer.space()
        n = min(step or len(view), len(view), len(data) - at)
        assert n > 0
        view[:n] = data[at : at + n]
        deframer.filled(n)
        at += n
        while deframer.next():
            frames.append(bytes(deframer.buffer[deframer.at : deframer.stop]))
    return frames


def frames_of_all_sorts():
    random = Random(7)
    frames = [bytes(n) for n in (5, 20, FRAME_MAX)] + [
        b"\x01" * FRAME_MAX,
        b"\3" * FRAME_MAX,
        b"\0a\3b\0",
    ]
    for _ in range(40):
        frame = bytearray(random(5 + random.below(FRAME_MAX - 4)))
        for _ in range(random.below(20)):
            frame[random.below(len(frame))] = 3 * random.below(2)
        frames.append(bytes(frame))
    return frames


def test_examples():
    # The usual table of examples, with the code for Ctrl-C before each, and codes from 3 on one
    # more than the distance; the zero at the end included.
    assert encoded(b"\x11\x22\x00\x33") == b"\x05\x06\x11\x22\x02\x33\x00"
    assert encoded(b"\x00") == b"\x02\x02\x01\x00"
    assert encoded(b"\x00\x00") == b"\x02\x04\x01\x01\x00"
    assert encoded(b"\x03") == b"\x04\x01\x01\x00"
    assert encoded(b"\x03\x00\x03") == b"\x04\x01\x02\x02\x01\x00"
    assert encoded(b"\x11\x22\x33\x44") == b"\x07\x06\x11\x22\x33\x44\x00"


def test_there_and_back_in_place():
    for frame in frames_of_all_sorts():
        wire = bytearray(encoded(frame))
        assert wire.find(b"\0") == len(wire) - 1 == HEAD + len(frame) < ENCODED_MAX
        assert wire.find(b"\3") < 0  # a board that is starting would be interrupted
        assert decode(wire, 0, len(wire) - 1)
        assert wire[HEAD:-1] == frame


def test_what_is_no_frame_is_refused():
    for bad in (b"\x05\x11", b"\x03\x11\x22", b"\x00\x01", b"\xff", b"\x04\x03\x11"):
        wire = bytearray(bad)
        assert not decode(wire, 0, len(wire))


def test_frames_come_out_whole_and_byte_by_byte():
    frames = frames_of_all_sorts()
    wire = b"".join([encoded(frame) for frame in frames])
    for step in (0, 1, 2, 7, 253, 300):
        deframer = Deframer()
        assert found(deframer, wire, step) == frames
        assert deframer.dropped == 0


def test_noise_costs_the_frame_that_it_hits_and_the_next_at_most():
    frames = frames_of_all_sorts()
    random = Random(3)
    for hit in range(len(frames)):
        pieces = [encoded(frame) for frame in frames]
        spoilt = bytearray(pieces[hit])
        spoilt[random.below(len(spoilt))] ^= 1 + random.below(255)
        pieces[hit] = bytes(spoilt)
        seen = found(Deframer(), b"".join(pieces), 64)
        kept = frames[:hit] + frames[hit + 2 :]
        assert all(frame in seen for frame in kept)
        assert len(seen) <= len(frames) + 1


def test_half_a_frame_is_dropped_at_the_next_zero():
    deframer = Deframer()
    wire = encoded(b"half of this")[:6]
    assert found(deframer, wire + b"\0" + encoded(b"and this whole")) == [b"and this whole"]
    assert deframer.dropped == 1


def test_repl_text_between_frames_is_dropped():
    text = (
        b'\r\nMPY: soft reboot\r\nTraceback (most recent call last):\r\n  File "main.py"\r\n>>> '
    )
    deframer = Deframer()
    wire = text + b"\0" + encoded(b"first") + text + b"\0" + encoded(b"second")
    assert found(deframer, wire, 11) == [b"first", b"second"]
    assert deframer.dropped == 2


def test_a_line_without_zeros_holds_no_more_than_the_buffer():
    deframer = Deframer()
    for _ in range(50):
        assert found(deframer, b"U" * 997) == []
    assert deframer.dropped == 1  # one stretch, however long
    assert len(deframer.buffer) < 2 * ENCODED_MAX
    assert found(deframer, b"\0" + encoded(b"alive")) == [b"alive"]


def test_random_bytes_never_raise():
    random = Random(11)
    deframer = Deframer()
    for _ in range(200):
        found(deframer, random(1 + random.below(400)), 1 + random.below(300))
    assert found(deframer, b"\0" + encoded(b"still here")) == [b"still here"]
