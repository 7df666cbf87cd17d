"""Protection of datagrams: any order, each once, across changes of the key; nothing forged."""

from dsoftbus.base.codec import get_u32
from dsoftbus.const import PACKET_HEADER
from dsoftbus.crypto.provider import suite as portable
from dsoftbus.noise.cipher_state import CipherState
from dsoftbus.packet.drops import FORGED, REPLAYED, STALE, TRUNCATED
from dsoftbus.packet.packets import DatagramProtect
from support import Random, raises

SUITE = portable()
KEYS = bytes(range(32)), bytes(range(32, 64))


def pair(window=64, rekey=8):
    one = [CipherState(SUITE, key) for key in KEYS]
    other = [CipherState(SUITE, key) for key in KEYS]
    return (
        DatagramProtect(one[0], one[1], 7, window, rekey),
        DatagramProtect(other[1], other[0], 9, window, rekey),
    )


def seal(protect, plain):
    out = bytearray(100)
    return bytes(out[: protect.seal(plain, 0, len(plain), out)])


def opened(protect, packet):
    """The plaintext, or the kind of the drop."""
    data = bytearray(packet)
    end = protect.open(data, len(data))
    return bytes(data[PACKET_HEADER:end]) if end >= 0 else ~end


def test_header_and_round_trip():
    a, b = pair()
    packet = seal(a, b"hello")
    assert packet[:9] == b"\x04\0\0\0\x07\0\0\0\0"
    assert len(packet) == PACKET_HEADER + 5 + 16
    assert opened(b, packet) == b"hello" and b.number == 0 and b.newest
    assert opened(a, seal(b, b"answer")) == b"answer"


def test_any_order_each_once():
    a, b = pair()
    packets = [seal(a, bytes((i,))) for i in range(8)]
    for i in (5, 0, 7, 1):
        assert opened(b, packets[i]) == bytes((i,)) and b.number == i
        assert b.newest == (i in (5, 7))
        assert opened(b, packets[i]) == REPLAYED


def test_keys_change_by_number_and_late_packets_still_open():
    a, b = pair()
    packets = [seal(a, bytes((i,))) for i in range(40)]
    assert opened(b, packets[0]) == b"\0"
    assert opened(b, packets[9]) == b"\x09"  # of the next phase
    assert opened(b, packets[7]) == b"\x07"  # of the one before
    assert opened(b, packets[16]) == b"\x10"
    assert opened(b, packets[6]) == STALE  # its key is gone
    assert opened(b, packets[39]) == STALE  # two phases ahead: its key is not due
    for i in range(17, 40):
        assert opened(b, packets[i]) == bytes((i,))


def test_a_forged_packet_of_a_later_phase_leaves_the_keys_where_they_are():
    """Were the next key taken before the packet is authentic, one datagram would end it all."""
    a, b = pair()
    packets = [seal(a, bytes((i,))) for i in range(20)]
    assert opened(b, packets[0]) == b"\0"
    for number in (8, 9, 15):
        for _ in range(3):
            forged = bytearray(packets[number])
            forged[-1] ^= 1
            assert opened(b, forged) == FORGED
    assert b._phase == 0 and b.number == 0
    for i in (1, 7, 9, 2, 17, 8):  # of this phase, the next, the one before, and so on
        assert opened(b, packets[i]) == bytes((i,)), i
    assert b._phase == 2


def test_a_forged_packet_changes_nothing():
    a, b = pair()
    packets = [seal(a, bytes((i,))) for i in range(12)]
    random = Random(1)
    for packet in packets:
        for _ in range(20):
            forged = bytearray(packet)
            at = 5 + random.below(len(packet) - 5)
            forged[at] ^= 1 << random.below(8)
            before = b.number, b.newest, b._phase, b._window.largest, bytes(b._window._bits)
            assert opened(b, forged) == refusal(b, forged)
            after = b.number, b.newest, b._phase, b._window.largest, bytes(b._window._bits)
            assert before == after
        assert opened(b, packet) == bytes((packet[8],))


def refusal(protect, packet):
    """Returns why a packet that is not authentic is dropped: its number alone says."""
    number = get_u32(packet, 5)
    if number < 0 or number > 8 * (protect._phase + 2) - 1 or number < 8 * (protect._phase - 1):
        return STALE
    seen = number <= protect._window.largest and protect._window.seen(number)
    return REPLAYED if seen else FORGED


def test_short_packets():
    a, b = pair()
    packet = seal(a, b"x")
    for n in range(len(packet)):
        assert opened(b, packet[:n]) == TRUNCATED
    assert opened(b, packet) == b"x"


def test_numbers_end_before_they_leave_30_bits():
    a, _ = pair()
    a._send.n = 0x3FFFFFFF
    assert seal(a, b"last")[5:9] == b"\x3f\xff\xff\xff"
    raises("noise.reject.nonce_exhausted", seal, a, b"beyond")
    _, b = pair()
    assert opened(b, b"\x04\0\0\0\x07\x40\0\0\0" + bytes(17)) == STALE
