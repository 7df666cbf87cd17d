"""A board of real speed on a cable (`slow_board`): nothing stalls, what was sent once is not sent
again, and goodput is what the costs of bytes and turns allow. `make soak-line` walks all speeds,
turns and noises with more bytes."""

import sys

from dsoftbus.const import SMALL, TINY
from dsoftbus.line.line_link import unread_max
from slow_board import CRYPTO_BYTE_NS, GARBAGE_TURNS, GARBAGE_US, Desk, line_us
from support import WHOLE

BAUDS = (9600, 115200, 921600)
UART_BAUDS = (9600, 19200, 57600, 115200, 921600)
TURNS_MS = (1, 20, 100, 200, 500)
SPOILT = (66, 655, 1966)  # of 65536 bytes: 0.1, 1 and 3 %
SIZES = (10, 300, 1000, 3000)
BULK = 100000 if WHOLE else 30000
HOURS = 20000  # of virtual seconds: a bound for what ends long before
PAYLOAD = 431  # in a datagram, beside an acknowledgement
AROUND = 77  # bytes on the line around the payload of a datagram: packet, frames, two fragments
WINDOW = 2048  # what SMALL gives a stream
CREDIT = 512  # in whose quarters it comes back, each in so many bytes on the line
CREDIT_BYTES = 61
DELAY_US = 4000  # there and back
FRAMES = 8  # that a board writes one after the other
NOISY_BULK = 20000 if WHOLE else 10000
NOISY_TURNS_MS = TURNS_MS if WHOLE else (1, 100, 500)
# The other interpreters run the corners.
if sys.implementation.name != "cpython":
    BAUDS = UART_BAUDS = (115200,)
    TURNS_MS = (1, 200)
    SPOILT = (655,)
    BULK = 10000
    NOISY_BULK = 2000
    NOISY_TURNS_MS = TURNS_MS


def noisy():
    """Yields (noise, baud, turn): all of them, or so many that each pair of two is there."""
    for i, noise in enumerate(SPOILT):
        for j, baud in enumerate(BAUDS):
            for k, turn_ms in enumerate(TURNS_MS):
                if WHOLE or (i + j + k) % len(SPOILT) == 0:
                    yield noise, baud, turn_ms


def on_line(size: int) -> int:
    """Bytes that `size` bytes of a stream take on the line, one way."""
    return size + -(-size // PAYLOAD) * AROUND


def cheapest_us(desk: Desk, size: int, echo: bool) -> int:
    """Returns the least cost of bytes and turns for `size` bytes of a stream to the board, and
    back.

    Bytes that come during a turn wait for the next one, so a window takes two, and a message that
    is one datagram takes one. While the board writes a frame, it waits.
    """
    carried = on_line(size) + (0 if echo else size // CREDIT * CREDIT_BYTES)
    way_us = line_us(desk.baud, carried)
    turns = 2 * -(-size // WINDOW) if size > PAYLOAD else 1
    board_us = turns * desk.turn_ms * 1000 + turns // GARBAGE_TURNS * GARBAGE_US
    board_us += carried * desk.byte_us + 2 * carried * CRYPTO_BYTE_NS // 1000
    board_us += way_us * (FRAMES - 1) // FRAMES
    if echo:  # the last of it goes there before it comes back
        return max(way_us, board_us) + line_us(desk.baud, on_line(min(size, PAYLOAD))) + DELAY_US
    return max(way_us, board_us)


def uart_us(desk: Desk, size: int, echo: bool, pauses: int) -> int:
    """The same at a UART, where a byte costs next to nothing, so that turns and pauses show.

    A datagram that comes alone has a turn of its own: the first does, and where the line takes
    longer for one than a turn lasts, each. The board pauses as often as it did.
    """
    turns = 0
    if size > PAYLOAD:
        slow = line_us(desk.baud, on_line(PAYLOAD)) > desk.turn_ms * 1000
        turns = max(-(-size // PAYLOAD) - 2 * -(-size // WINDOW), 0) if slow else 1
    return cheapest_us(desk, size, echo) + turns * desk.turn_ms * 1000 + pauses * GARBAGE_US


def begun(baud: int, turn_ms: int, noise: int = 0, seed: int = 1, rxbuf: int = 0) -> Desk:
    """A desk with a session and a stream, and nothing left to be said."""
    desk = Desk(baud, turn_ms, noise, seed=seed, rxbuf=rxbuf)
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
    for noise, baud, turn_ms in noisy():
        desk = begun(baud, turn_ms, noise)
        for size in SIZES:
            desk.echo(size, HOURS)
        assert desk.laptop.ended < 0 and desk.board.ended < 0, desk.what


def test_both_directions_at_once_over_a_noisy_cable():
    """Noise costs what it must: each fragment is sent as often as one of its length gets lost, and
    no more than half as often again, and never for being slow."""
    for noise in SPOILT[:2]:
        for baud in BAUDS:
            sent = []
            for turn_ms in NOISY_TURNS_MS:
                desk = begun(baud, turn_ms, noise)
                desk.both_ways(NOISY_BULK, HOURS)
                sent.append(sum(way.carried for way in desk.ways))
            assert max(sent) < 1.5 * min(sent), (baud, noise, sent)


def test_noise_that_sets_in_while_both_directions_send():
    """Long fragments are under way then, both ways, and no end waits for an answer of the other
    that cannot get over."""
    for noise in SPOILT[-2:]:
        for seed in range(6 if len(BAUDS) > 1 else 1):
            desk = begun(115200, 1, seed=seed + 1)
            for way in desk.ways:
                way.noise = noise
            desk.both_ways(3000, 12)


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
    for seed in range(10 if len(BAUDS) > 1 else 2):
        for turn_ms in (1, 100):
            desk = begun(115200, turn_ms, 655, seed + 2)
            desk.echo(1000, HOURS)


def test_a_uart_keeps_what_may_come_while_a_turn_lasts():
    for baud in UART_BAUDS:
        for turn_ms in TURNS_MS:
            desk = begun(baud, turn_ms, rxbuf=unread_max(SMALL))
            for size in SIZES:
                before = desk.board.pauses
                took_us = desk.echo(size, 60)
                share = uart_us(desk, size, True, desk.board.pauses - before) / took_us
                assert share >= 0.8, "%s: %d bytes: %.2f" % (desk.what, size, share)
            _check_nothing_is_lost(desk)


def test_both_directions_at_once_over_a_uart():
    for baud in UART_BAUDS:
        for turn_ms in TURNS_MS:
            desk = begun(baud, turn_ms, rxbuf=unread_max(SMALL))
            share = cheapest_us(desk, BULK, False) / desk.both_ways(BULK, HOURS)
            assert share >= 0.8, "%s: %.2f" % (desk.what, share)
            _check_nothing_is_lost(desk)


def _check_nothing_is_lost(desk: Desk) -> None:
    _, again, needless, abandoned = desk.counts
    assert again == needless == abandoned == desk.ways[0].overrun == 0, desk.what


def test_the_least_profile_at_a_uart():
    for baud in UART_BAUDS:
        for turn_ms in TURNS_MS:
            desk = Desk(baud, turn_ms, 0, TINY, rxbuf=unread_max(TINY))
            desk.connect(150)
            desk.both_ways(3000, HOURS)
            _check_nothing_is_lost(desk)


def test_a_uart_that_keeps_too_little_loses_what_comes():
    """The model loses bytes indeed, and the line brings all of them over even so."""
    desk = Desk(115200, 200, rxbuf=512)
    desk.connect(150)
    desk.both_ways(10000, HOURS)
    assert desk.ways[0].overrun > 1000 and desk.counts[1] > 10
