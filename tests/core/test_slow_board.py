"""A board of real speed on a cable (`slow_board`): nothing stalls, what was sent once is not sent
again, and goodput is what the costs of bytes and turns allow."""

import sys

from dsoftbus.const import TINY
from slow_board import BYTE_US, CRYPTO_BYTE_NS, GARBAGE_TURNS, GARBAGE_US, Desk, line_us

BAUDS = (9600, 115200, 921600)
TURNS_MS = (1, 20, 100, 200, 500)
SPOILT = (66, 655, 1966)  # of 65536 bytes: 0.1, 1 and 3 %
SIZES = (10, 300, 1000, 3000)
BULK = 100000
HOURS = 20000  # of virtual seconds: a bound for what ends long before
PAYLOAD = 431  # in a datagram, beside an acknowledgement
AROUND = 77  # bytes on the line around the payload of a datagram: packet, frames, two fragments
WINDOW = 2048  # what SMALL gives a stream
CREDIT = 512  # in whose quarters it comes back, each in so many bytes on the line
CREDIT_BYTES = 61
DELAY_US = 4000  # there and back
FRAMES = 8  # that a board writes one after the other
# The other interpreters run the corners.
if sys.implementation.name != "cpython":
    BAUDS = (115200,)
    TURNS_MS = (1, 200)
    SPOILT = (655,)
    BULK = 10000


def on_line(size: int) -> int:
    """Bytes that `size` bytes of a stream take on the line, one way."""
    return size + -(-size // PAYLOAD) * AROUND


def cheapest_us(desk: Desk, size: int, echo: bool) -> int:
    """What bytes and turns cost at least for `size` bytes of a stream to the board, and back.

    What comes while a turn lasts waits for the next one, so a window takes two, and a message that
    is one datagram takes one. While the board writes a frame, it waits.
    """
    carried = on_line(size) + (0 if echo else size // CREDIT * CREDIT_BYTES)
    way_us = line_us(desk.baud, carried)
    turns = 2 * -(-size // WINDOW) if size > PAYLOAD else 1
    board_us = turns * desk.turn_ms * 1000 + turns // GARBAGE_TURNS * GARBAGE_US
    board_us += carried * BYTE_US + 2 * carried * CRYPTO_BYTE_NS // 1000
    board_us += way_us * (FRAMES - 1) // FRAMES
    if echo:  # the last of it goes there before it comes back
        return max(way_us, board_us) + line_us(desk.baud, on_line(min(size, PAYLOAD))) + DELAY_US
    return max(way_us, board_us)


def begun(baud: int, turn_ms: int, noise: int = 0, seed: int = 1) -> Desk:
    """A desk with a session and a stream, and nothing left to be said."""
    desk = Desk(baud, turn_ms, noise, seed=seed)
    desk.connect(150)
    for _ in range(3):
        desk.echo(10, HOURS)
    return desk


def test_echoes_over_a_clean_cable():
    for baud in BAUDS:
        for turn_ms in TURNS_MS:
            desk = begun(baud, turn_ms)
            for size in SIZES:
                share = cheapest_us(desk, size, True) / desk.echo(size, 60)
                assert share >= 0.8, "%s: %d bytes: %.2f" % (desk.what, size, share)
            _, again, _, abandoned = desk.counts
            assert again == abandoned == 0, desk.what


def test_both_directions_at_once_over_a_clean_cable():
    for baud in BAUDS:
        for turn_ms in TURNS_MS:
            desk = begun(baud, turn_ms)
            share = cheapest_us(desk, BULK, False) / desk.both_ways(BULK, HOURS)
            assert share >= 0.8, "%s: %.2f" % (desk.what, share)
            sent, again, _, abandoned = desk.counts
            assert again <= sent // 100 and not abandoned, desk.what


def test_echoes_over_a_noisy_cable():
    for noise in SPOILT:
        for baud in BAUDS:
            for turn_ms in TURNS_MS:
                desk = begun(baud, turn_ms, noise)
                for size in SIZES:
                    desk.echo(size, HOURS)
                assert desk.laptop.ended < 0 and desk.board.ended < 0, desk.what


def test_both_directions_at_once_over_a_noisy_cable():
    """What noise leaves: each fragment is sent as often as one as long gets lost, and no more
    than half as often again, and never for being slow."""
    for noise in SPOILT[:2]:
        for baud in BAUDS:
            sent = []
            for turn_ms in TURNS_MS:
                desk = begun(baud, turn_ms, noise)
                desk.both_ways(BULK // 5, HOURS)
                sent.append(sum(way.carried for way in desk.ways))
            assert max(sent) < 1.5 * min(sent), (baud, noise, sent)


def test_twenty_sessions_one_after_the_other():
    for turn_ms in TURNS_MS[-2:]:
        desk = Desk(115200, turn_ms, 0)
        for _ in range(20):
            desk.connect()
            desk.echo(300, 60)
            desk.close()
        _, again, _, abandoned = desk.counts
        assert again == abandoned == 0, desk.what


def test_the_least_profile():
    for turn_ms in TURNS_MS:
        desk = Desk(115200, turn_ms, 0, TINY)
        desk.connect()
        desk.echo(3000, 600)
        _, again, _, abandoned = desk.counts
        assert again == abandoned == 0, desk.what


def test_many_cables_with_one_percent_spoilt():
    """Seed by seed: a stall is an accident of what is spoilt."""
    for seed in range(10 if BULK > 10000 else 2):
        for turn_ms in (1, 100):
            desk = begun(115200, turn_ms, 655, seed + 2)
            desk.echo(1000, HOURS)
