"""Bounded reading and writing: total, and never past the end."""

from dsoftbus.base.codec import Reader, copy, get_u32, put_u16, put_u32, text
from dsoftbus.const import U30_MAX
from support import Random, raises

MALFORMED = "core.reject.malformed_message"


def test_fields_are_read_in_order_and_to_the_end():
    reader = Reader(b"\x01\x02\x03\x04\x05\x06\x07raw\xc3\xa9")
    assert reader.u8() == 1
    assert reader.u16() == 0x0203
    assert reader.u32() == 0x04050607
    assert reader.raw(3) == b"raw" and reader.left == 2
    raises(MALFORMED, reader.finish)
    assert reader.text(2) == "\u00e9"
    reader.finish()
    assert reader.left == 0


def test_nothing_is_read_past_the_end():
    for data in (bytes(9), bytearray(9), memoryview(bytes(9))):
        for end in range(4):
            for call, need in (("u8", 1), ("u16", 2), ("u32", 4)):
                reader = Reader(data, 0, end)
                if need > end:
                    raises(MALFORMED, getattr(reader, call))
                    assert reader.at == 0 and reader.left == end
                else:
                    getattr(reader, call)()
        reader = Reader(data, 4, 6)
        raises(MALFORMED, reader.raw, 3)
        raises(MALFORMED, reader.raw, -1)
        assert reader.raw(2) == b"\x00\x00" and reader.raw(0) == b""


def test_numbers_are_small_ints_of_a_32_bit_board():
    out = bytearray(6)
    for value in (0, 1, 255, 256, 65535, 65536, 1 << 24, U30_MAX):
        assert put_u32(out, 1, value) == 5
        assert get_u32(out, 1) == value
        assert Reader(out, 1).u32() == value
        assert bytes(out[1:5]) == value.to_bytes(4, "big")
    for wrong in (b"\x40\x00\x00\x00", b"\x80\x00\x00\x00", b"\xff\xff\xff\xff"):
        assert get_u32(wrong, 0) == -1
        raises(MALFORMED, Reader(wrong).u32)
    for value in (0, 1, 255, 256, 65535):
        assert put_u16(out, 2, value) == 4
        assert Reader(out, 2).u16() == value


def test_text_is_utf_8_or_refused():
    assert text(b"") == "" and text("\u20ac\U0001f600".encode()) == "\u20ac\U0001f600"
    assert text(bytearray(b"ok")) == "ok"
    for wrong in (
        b"\xff",
        b"a\x80",
        b"\xc3",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
        b"\xc0\xaf",  # "/" in two bytes
        b"\xe0\x80\xaf",  # and in three
        b"\xf0\x80\x80\xaf",
        b"\xed\xa0\x80",  # half of a surrogate pair
        b"\xf4\x90\x80\x80",  # beyond U+10FFFF
        b"\xf8\x88\x80\x80\x80",
    ):
        raises(MALFORMED, text, wrong)
        raises(MALFORMED, Reader(wrong).text, len(wrong))


def test_copy_moves_what_it_is_told_and_no_more():
    random = Random(4)
    source = random(3000)
    for wrap in (bytes, bytearray, memoryview):
        for n in (0, 1, 2, 511, 512, 513, 1500):
            for at, start in ((0, 0), (1, 3), (700, 900)):
                out = bytearray(2300)
                copy(out, at, wrap(source), start, n)
                expected = bytes(at) + source[start : start + n] + bytes(2300 - at - n)
                assert bytes(out) == expected
                copy(memoryview(out), 0, wrap(source), start, n)
                assert bytes(out[:n]) == source[start : start + n] and len(out) == 2300


def test_copy_within_one_buffer_moves_to_the_front():
    for n in (10, 1000):
        buffer = bytearray(Random(1)(1500))
        expected = bytes(buffer[300 : 300 + n])
        view = memoryview(buffer)
        copy(view, 0, view, 300, n)
        assert bytes(buffer[:n]) == expected
