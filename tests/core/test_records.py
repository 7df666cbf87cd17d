"""Records: the same in one piece and byte by byte, refused by their length, never past it."""

from dsoftbus.base.codec import copy
from dsoftbus.const import HANDSHAKE_RECORD_MAX, REC_INIT, REC_PROTECTED
from dsoftbus.record.records import SMALL_BUFFER, RecordReader, put_header, record
from support import Random, raises


def read_all(reader, data, chunk: int) -> list:
    """Every (type, body) in `data`, pushed in pieces of `chunk`."""
    found = []
    at = 0
    while at < len(data):
        piece = data[at : at + chunk]
        taken = 0
        while taken < len(piece):
            n = reader.push(piece, taken, len(piece) - taken)
            assert n > 0
            taken += n
            while kind := reader.next():
                found.append((kind, bytes(reader.buffer[reader.at : reader.stop])))
                if reader.empty:
                    break
        at += chunk
    return found


def test_records_are_the_same_however_they_arrive():
    random = Random(1)
    expected = [(1 + random.below(255), random(random.below(512))) for _ in range(60)]
    wire = b"".join([record(kind, body) for kind, body in expected])
    for chunk in (1, 2, 3, 7, 100, 513, len(wire)):
        assert read_all(RecordReader(copy), wire, chunk) == expected


def test_reading_into_the_view_is_the_same_as_pushing():
    random = Random(2)
    expected = [(4, random(random.below(512))) for _ in range(60)]
    wire = b"".join([record(kind, body) for kind, body in expected])
    for most in (1, 5, 300, 10000):
        reader = RecordReader(copy)
        found = []
        at = 0
        while at < len(wire):
            view = reader.space()
            n = min(most, len(view), len(wire) - at)
            assert n
            view[:n] = wire[at : at + n]
            reader.end += n
            at += n
            while kind := reader.next():
                found.append((kind, bytes(reader.buffer[reader.at : reader.stop])))
        assert found == expected


def test_a_length_is_refused_as_soon_as_it_is_read():
    label = "core.reject.oversize_frame_or_record"
    for length in (HANDSHAKE_RECORD_MAX + 1, 0x1000, 0xFFFF):
        reader = RecordReader(copy)
        reader.push(bytes((length >> 8,)), 0, 1)
        assert reader.next() == 0
        reader.push(bytes((length & 0xFF,)), 0, 1)
        raises(label, reader.next)
        assert len(reader.buffer) == SMALL_BUFFER  # nothing was made by its measure


def test_the_longest_record_before_and_after_the_handshake():
    reader = RecordReader(copy)
    longest = record(REC_INIT, bytes(HANDSHAKE_RECORD_MAX - 1))
    assert read_all(reader, longest, len(longest)) == [(REC_INIT, bytes(511))]
    reader.allow(1105, 1107)
    assert len(reader.buffer) == 1107  # what a board promises has its place
    longest = record(REC_PROTECTED, bytes(1104))
    assert read_all(reader, longest, 10) == [(REC_PROTECTED, bytes(1104))]
    assert len(reader.buffer) == 1107
    raises("core.reject.oversize_frame_or_record", read_all, reader, b"\x04\x52", 1)


def test_what_is_held_survives_a_larger_buffer():
    body = Random(5)(1000)
    wire = record(REC_PROTECTED, body)
    for cut in (2, 3, 100, 513, 514):
        reader = RecordReader(copy)
        reader.allow(1105, 1107)
        first = record(9, b"first")
        assert read_all(reader, first + wire[:cut], len(first) + cut) == [(9, b"first")]
        assert read_all(reader, wire[cut:], 400) == [(REC_PROTECTED, body)]


def test_a_record_of_no_length_or_no_type_is_malformed():
    for wrong in (b"\x00\x00", b"\x00\x01\x00", b"\x00\x05\x00body"):
        raises("core.reject.malformed_message", read_all, RecordReader(copy), wrong, 1)


def test_there_is_always_room_for_the_rest_of_a_record():
    reader = RecordReader(copy)
    longest = record(REC_INIT, bytes(511))
    for n in range(len(longest)):
        assert len(reader.space()) > 0
        reader.push(longest, n, 1)
        assert bool(reader.next()) == (n == len(longest) - 1)


def test_forgetting_gives_all_the_room_back():
    reader = RecordReader(copy)
    reader.push(bytes(SMALL_BUFFER), 0, SMALL_BUFFER)
    assert len(reader.space()) == 0
    assert len(reader.forget()) == SMALL_BUFFER


def test_headers_are_written_where_they_are_told():
    out = bytearray(b"--------")
    assert put_header(out, 2, 4, 0x1233) == 5
    assert bytes(out) == b"--\x12\x34\x04---"
    assert record(5, b"x") == b"\x00\x02\x05x"
