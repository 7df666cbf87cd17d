"""The ring of log records: bounded, in order, and honest about what it has lost."""

from dsoftbus.service.log_ring import ERROR, INFO, TEXT_MAX, LogRing, cut


def texts(ring, position=1, level=0, most=1 << 20):
    return [record[3] for record in ring.since(position, level, most)[1]]


def test_records_come_back_as_they_were_said():
    ring = LogRing(512)
    ring.add(5, INFO, b"one")
    ring.add(1 << 31, ERROR, "zw\u00f6lf".encode())
    ring.add((1 << 32) + 7, 0, b"")
    assert ring.since(1, 0, 1000) == (
        0,
        [[1, 5, INFO, "one"], [2, 1 << 31, ERROR, "zw\u00f6lf"], [3, 7, 0, ""]],
        4,
    )


def test_the_oldest_go_and_are_counted():
    for size in (206, 207, 300, 512, 2048):
        ring = LogRing(size)
        for n in range(1, 400):
            ring.add(n, INFO, b"%d" % n * (n % 50))
            lost, found, position = ring.since(1, 0, 1 << 20)
            assert position == n + 1 and lost + len(found) == n, (size, n)
            assert [record[0] for record in found] == list(range(lost + 1, n + 1))
            assert all(r[3] == "%d" % r[0] * (r[0] % 50) and r[1] == r[0] for r in found)
        assert lost > 0


def test_the_longest_record_fits_the_smallest_ring():
    ring = LogRing(TEXT_MAX + 6)
    for letter in b"abc":
        ring.add(0, INFO, bytes((letter,)) * TEXT_MAX)
        assert texts(ring) == [chr(letter) * TEXT_MAX]
    ring.add(0, INFO, b"x")
    assert texts(ring) == ["x"] and ring.first == 4


def test_a_reader_goes_on_where_it_was():
    ring = LogRing(2048)
    for n in range(20):
        ring.add(n, n % 4, b"%02d" % n)
    found, position = [], 1
    while position < ring.next:
        lost, some, position = ring.since(position, 0, 30)
        assert not lost and 0 < len(some) <= 4
        found += some
    assert [record[3] for record in found] == ["%02d" % n for n in range(20)]
    assert ring.since(position, 0, 30) == (0, [], 21)


def test_levels_are_from_there_on_and_their_position_moves():
    ring = LogRing(2048)
    for n in range(8):
        ring.add(n, n % 4, b"%d" % n)
    assert texts(ring, 1, ERROR) == ["3", "7"]
    assert ring.since(1, 9, 100) == (0, [], 9)
    assert texts(ring, 100) == []


def test_a_slow_reader_is_told_how_many_it_has_missed():
    ring = LogRing(300)
    for n in range(100):
        ring.add(n, INFO, b"0123456789")
    lost, found, _ = ring.since(50, 0, 1 << 20)
    assert lost == ring.first - 50 > 0 and found[0][0] == ring.first


def test_a_line_is_cut_between_characters():
    assert cut(b"x" * TEXT_MAX) == TEXT_MAX and cut(b"x" * (TEXT_MAX + 1)) == TEXT_MAX
    for letter in ("\u00e4", "\u20ac", "\U0001f600"):
        line = ("x" + letter * TEXT_MAX).encode()
        size = cut(line)
        assert TEXT_MAX - 4 < size <= TEXT_MAX
        line[:size].decode()
    assert cut(b"\x80" * 300) > 0


def test_what_is_no_text_is_shown_as_far_as_it_is():
    ring = LogRing(300)
    ring.add(0, INFO, b"a\xff\x00z")
    assert texts(ring) == ["a??z"]
