"""A serial line that carries datagrams: noise, half frames, restarts, and what it costs."""

from dsoftbus.line.line import CHANNEL_MAX, FRAME_ROOM, NEIGHBOUR, Line
from support import Random
from wires import Cable

PERCENT = 655  # of 65536


def datagrams(random, count: int, longest: int = 1200) -> list:
    return [random.many(1 + random.below(longest)) for _ in range(count)]


def carry(cable, send, steps: int = 200000) -> list:
    """Sends the datagrams of each side; what arrived at each side, in order."""
    waiting = [list(send[0]), list(send[1])]
    arrived = [[], []]
    buffer = bytearray(1200)
    stepped_us = 0
    for _ in range(steps):
        for side in range(2):
            line = cable.lines[side]
            if waiting[side] and line.sendto(waiting[side][0], len(waiting[side][0]), NEIGHBOUR):
                waiting[side].pop(0)
            got = line.recvfrom_into(buffer)
            while got is not None:
                arrived[side].append(bytes(buffer[: got[0]]))
                cable.arrived_us = stepped_us
                got = line.recvfrom_into(buffer)
        stepped_us = cable.now_us
        if not cable.step() and not waiting[0] and not waiting[1]:
            return arrived
    raise AssertionError("not done after %d steps" % steps)


def test_datagrams_arrive_in_order_and_once():
    random = Random(1)
    send = datagrams(random, 30), datagrams(random, 30)
    cable = Cable(random)
    assert carry(cable, send) == [send[1], send[0]]
    assert cable.lines[0].lost == cable.lines[1].lost == 0
    assert cable.lines[0].fragment_bytes == 240


def test_one_percent_of_bytes_spoilt_loses_nothing_once_the_fragments_are_short():
    random = Random(2)
    cable = Cable(random, noise=PERCENT)
    for line in cable.lines:
        line.fragment_bytes = 30
    send = datagrams(random, 20), datagrams(random, 20)
    assert carry(cable, send) == [send[1], send[0]]
    assert cable.lines[0].lost > 100
    assert cable.lines[0].abandoned == cable.lines[1].abandoned == 0


def test_fragments_shorten_on_a_noisy_line_and_grow_again():
    random = Random(3)
    cable = Cable(random, noise=PERCENT)
    send = datagrams(random, 25)
    arrived = carry(cable, (send, []))[1]
    assert cable.lines[0].fragment_bytes <= 60
    assert len(arrived) >= 20 and all(datagram in send for datagram in arrived)
    for way in cable.ways:
        way.noise = 0
    send = datagrams(random, 60)
    assert carry(cable, (send, []))[1] == send
    assert cable.lines[0].fragment_bytes == 240


def test_three_percent_of_bytes_spoilt_still_gets_half_over():
    """Over ten seeds: how many get over in one is luck, between 5 and 26 of 30."""
    total = 0
    for seed in range(10):
        random = Random(1 + seed)
        cable = Cable(random, noise=3 * PERCENT)
        send = datagrams(random, 30, 300)
        arrived = carry(cable, (send, []))[1]
        assert all(datagram in send for datagram in arrived)
        total += len(arrived)
    assert total >= 150


def test_boards_with_fewer_slots_and_shorter_datagrams():
    random = Random(5)
    cable = Cable(random, noise=PERCENT // 2, mtu=400, slots=(16, 4))
    send = datagrams(random, 30, 400), datagrams(random, 30, 400)
    arrived = carry(cable, send)
    for side in range(2):
        assert len(arrived[side]) >= 20
        assert all(datagram in send[1 - side] for datagram in arrived[side])


def test_a_restart_of_either_side_is_followed_at_once():
    random = Random(6)
    for seed in range(40):
        cable = Cable(random)
        send = datagrams(random, 3 + seed % 5), datagrams(random, 3)
        assert carry(cable, send) == [send[1], send[0]]
        cable.lines[seed % 2] = Line(random.bits16())
        send = datagrams(random, 4), datagrams(random, 4)
        assert carry(cable, send) == [send[1], send[0]]


def test_a_cable_that_is_out_for_a_while():
    random = Random(7)
    cable = Cable(random)
    assert carry(cable, (datagrams(random, 2), []))[1]
    for way in cable.ways:
        way.noise = 65535  # all of it
    lost = datagrams(random, 3)
    assert carry(cable, (lost, [])) == [[], []]
    assert cable.lines[0].abandoned
    for way in cable.ways:
        way.noise = 0
    send = datagrams(random, 40), datagrams(random, 5)
    arrived = carry(cable, send)
    assert arrived == [send[1], send[0]]


def test_repl_text_and_noise_between_frames_are_dropped_and_counted():
    random = Random(8)
    cable = Cable(random)
    cable.deliver(0, b"MPY: soft reboot\r\nTraceback (most recent call last):\r\n>>> ")
    send = datagrams(random, 5), datagrams(random, 5)
    assert carry(cable, send) == [send[1], send[0]]
    assert cable.lines[0].frames.dropped == 1


def test_random_frames_never_raise_and_change_no_datagram():
    random = Random(9)
    cable = Cable(random)
    send = datagrams(random, 6)
    buffer = bytearray(1200)
    for datagram in send:
        for _ in range(40):
            cable.deliver(1, random(random.below(300)) + b"\0")
        arrived = carry(cable, ([datagram], []))[1]
        assert arrived == [datagram]
    assert cable.lines[1].frames.dropped > 100
    assert cable.lines[1].recvfrom_into(buffer) is None


def test_frames_with_a_good_check_and_nonsense_inside():
    """The check keeps noise out, not people: the line has to stand whatever a frame says."""
    from binascii import crc32

    from dsoftbus.line.cobs import encode

    random = Random(10)
    cable = Cable(random)
    for _ in range(1500):
        frame = random(random.below(20) + 3)
        check = crc32(frame) & 0xFFFF
        wire = bytearray(b"\0\0" + frame + bytes((check >> 8, check & 255)) + b"\0")
        encode(wire, 0, len(wire) - 1)
        cable.deliver(0, wire)
        cable.lines[0].recvfrom_into(bytearray(1200))
    send = datagrams(random, 8), datagrams(random, 8)
    arrived = carry(cable, send)
    assert arrived[1] == send[0] and len(arrived[0]) >= 7


def test_the_line_is_used_well_when_it_is_clean():
    for baud in (115200, 921600):
        random = Random(baud & 0xFFFF)
        cable = Cable(random, baud)
        send = [random.many(1200) for _ in range(40)], [random.many(1200) for _ in range(40)]
        assert carry(cable, send) == [send[1], send[0]]
        used_us = cable.ways[0].carried * cable.ways[0].us_a_byte
        assert 40 * 1200 * cable.ways[0].us_a_byte > 0.94 * used_us
        assert used_us > 0.9 * cable.arrived_us - 100000


def test_nothing_is_written_beyond_a_frames_room():
    random = Random(12)
    line = Line(1)
    line.sendto(random(1200), 1200, NEIGHBOUR)
    out = bytearray(FRAME_ROOM)
    n = line.poll_transmit(out, 100)
    assert 0 < n <= FRAME_ROOM


def test_every_channel_of_a_datagram_arrives_with_it():
    random = Random(13)
    cable = Cable(random)
    buffer = bytearray(1200)
    arrived = []
    sent = [
        (random.many(n), channel) for channel in range(CHANNEL_MAX + 1) for n in (0, 1, 239, 240)
    ]
    waiting = list(sent)
    while len(arrived) < len(sent):
        if waiting and cable.lines[0].sendto(waiting[0][0], len(waiting[0][0]), waiting[0][1]):
            waiting.pop(0)
        cable.step()
        got = cable.lines[1].recvfrom_into(buffer)
        if got is not None:
            arrived.append((bytes(buffer[: got[0]]), got[1]))
    assert arrived == sent


def test_a_datagram_beyond_what_the_line_takes_is_dropped_and_the_next_one_arrives():
    random = Random(14)
    cable = Cable(random, mtu=200)
    cable.lines[0] = Line(1, 300)  # the other side takes 200
    fits, beyond = random(200), random(201)
    assert carry(cable, ([fits, beyond, b"next"], []))[1] == [fits, b"next"]


def test_a_shorter_buffer_gets_the_beginning():
    cable = Cable(Random(15))
    assert cable.lines[0].sendto(b"beginning", 9, 7)
    for _ in range(9):
        cable.step()
    buffer = bytearray(5)
    assert cable.lines[1].recvfrom_into(buffer) == (5, 7)
    assert buffer == b"begin"
