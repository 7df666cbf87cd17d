"""Headers of the share service: what is said, and what is refused before it is acted on."""

from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, OVERSIZE
from dsoftbus.service.values import encode
from dsoftbus.share.listing import get_listing, has_room
from dsoftbus.share.messages import (
    GET,
    HEADER_MAX,
    LENGTH_BYTES,
    LIST,
    MARKS_MAX,
    NAME_MAX,
    PUT,
    SIZE_MAX,
    Request,
    get_answer,
    get_done,
    get_header,
    get_marks,
    get_offset,
    get_request,
    length_of,
    put_header,
)
from support import Random, raises

HASH = bytes(range(32))


def through(value):
    """The value as the other side reads it."""
    header = put_header(value)
    assert length_of(header) == len(header) - LENGTH_BYTES
    return get_header(header[LENGTH_BYTES:])


def request_of(value) -> Request:
    return get_request(through(value))


def test_a_request_arrives_as_it_was_made():
    put = Request(PUT, "photos/a.jpg")
    put.size, put.replace = SIZE_MAX, True
    get = Request(GET, "x" * NAME_MAX)
    get.marks = [[n, HASH] for n in (1 << 40, 1 << 20, 4096, 1)]
    listing = Request(LIST, "photos/*")
    listing.after = "photos/b"
    for request in (put, get, listing, Request(PUT, "empty"), Request(LIST, "")):
        header = request.header()
        assert len(header) <= LENGTH_BYTES + HEADER_MAX
        read = get_request(get_header(header[LENGTH_BYTES:]))
        for name in ("kind", "name", "size", "replace", "marks", "after"):
            assert getattr(read, name) == getattr(request, name), name


def test_what_cannot_be_said_is_refused_here():
    for size in (-1, SIZE_MAX + 1):
        request = Request(PUT, "a")
        request.size = size
        raises(BAD_ARGUMENT, request.header)
    raises(BAD_ARGUMENT, Request(GET, "\u00fc" * 128).header)
    raises(OVERSIZE, put_header, bytes(HEADER_MAX))


def test_a_length_is_judged_before_anything_is_kept():
    raises(MALFORMED, length_of, b"\0\0")
    raises(OVERSIZE, length_of, b"\4\1")
    raises(OVERSIZE, length_of, b"\xff\xff")
    assert length_of(b"\4\0") == HEADER_MAX
    assert length_of(b"\0\1") == 1


def test_requests_that_are_none():
    deep = [[[[1]]]]
    for value in (
        None,
        0,
        "put",
        {},
        [],
        ["put"],
        ["put", "a"],
        ["put", "a", 1],
        ["put", "a", -1, False],
        ["put", "a", SIZE_MAX + 1, False],
        ["put", "a", True, False],
        ["put", "a", 1.0, False],
        ["put", "a", 1, 0],
        ["put", "a", 1, False, 0],
        ["put", b"a", 1, False],
        ["put", "x" * (NAME_MAX + 1), 1, False],
        ["get", "a"],
        ["get", "a", None],
        ["get", "a", [], 0],
        ["get", 1, []],
        ["list", "a"],
        ["list", "a", 1],
        ["list", "a", "x" * (NAME_MAX + 1)],
        ["list", "a", "b", "c"],
        ["move", "a", "b"],
        [b"put", "a", 1, False],
        [deep, "a", 1, False],
    ):
        raises(MALFORMED, request_of, value)


def test_marks_that_are_none():
    for value in (
        None,
        {},
        [1],
        [[1]],
        [[0, HASH]],
        [[-1, HASH]],
        [[True, HASH]],
        [[SIZE_MAX + 1, HASH]],
        [[1, HASH[1:]]],
        [[1, HASH + b"x"]],
        [[1, "x" * 32]],
        [[1, HASH, 0]],
        [[1, HASH], [1, HASH]],
        [[1, HASH], [2, HASH]],
        [[n, HASH] for n in range(MARKS_MAX + 1, 0, -1)],
    ):
        raises(MALFORMED, get_marks, value)
    assert get_marks([]) == []
    assert get_marks([[SIZE_MAX, HASH]]) == [[SIZE_MAX, HASH]]


def test_an_offset_is_0_or_one_of_the_marks():
    marks = [[200, HASH], [100, HASH]]
    for offset in (0, 100, 200):
        assert get_offset(offset, marks, 200) == offset
        assert get_answer([200, offset], marks) == (200, offset)
    for offset in (1, 150, -100, 300, False, "0", None, 100.0):
        raises(MALFORMED, get_offset, offset, marks, 300)
    raises(MALFORMED, get_offset, 200, marks, 199)  # beyond the file
    for answer in (None, [], [200], [200, 100, 0], [-1, 0], [100, 200], [SIZE_MAX + 1, 0]):
        raises(MALFORMED, get_answer, answer, marks)


def test_the_last_word():
    get_done(through(0))
    for value in (1, False, None, [], "0"):
        raises(MALFORMED, get_done, value)


def test_a_header_of_a_listing_holds_as_many_files_as_fit():
    for size in (1, 60, 239):
        files = []
        name = ("%%0%dd" % size) % 0
        while has_room(files, name):
            files.append([name, SIZE_MAX])
            name = ("%%0%dd" % size) % len(files)
        assert files, size
        assert through(files) == files
        assert len(encode(files, HEADER_MAX)) <= HEADER_MAX
    assert has_room([], "x" * NAME_MAX)


def test_names_of_a_listing_go_up():
    assert get_listing([["b", 0], ["c/d", SIZE_MAX]], "a") == [["b", 0], ["c/d", SIZE_MAX]]
    assert get_listing([], "z") == []
    for files in (
        None,
        [1],
        [["b"]],
        [["b", -1]],
        [["b", True]],
        [[b"b", 1]],
        [["a", 1]],
        [["b", 1], ["b", 1]],
        [["c", 1], ["b", 1]],
        [["../b", 1]],
        [["/b", 1]],
        [["b/.key", 1]],
        [["b\x1b[8m", 1]],
    ):
        raises(MALFORMED, get_listing, files, "a")


def test_bytes_at_random_are_a_request_or_refused():
    random = Random(16)
    whole = Request(GET, "photos/a.jpg")
    whole.marks = [[4096, HASH], [512, HASH]]
    whole = whole.header()[LENGTH_BYTES:]
    for _ in range(400):
        spoilt = bytearray(whole)
        for _ in range(1 + random.below(3)):
            spoilt[random.below(len(spoilt))] = random.below(256)
        cut = bytes(spoilt[: random.below(len(spoilt) + 1)])
        try:
            get_request(get_header(cut))
        except Exception as error:  # noqa: BLE001 - any other escapes a pump
            assert getattr(error, "code", 0) in (MALFORMED, OVERSIZE), repr(error)
