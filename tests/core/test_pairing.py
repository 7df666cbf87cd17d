"""Pairing by digits, the desk that takes pairings, and invitations by token."""

from dsoftbus.errors import (
    BAD_ARGUMENT,
    BAD_PAIRING_URI,
    BAD_STATE,
    COMMITMENT_MISMATCH,
    INVALID_STATE_TRANSITION,
    MALFORMED,
    PAIRING_CANCELLED,
    PAIRING_CLOSED,
    PAIRING_LIMIT,
    PAIRING_TIMEOUT,
    WRONG_CODE,
    label,
)
from dsoftbus.trust import invitation
from dsoftbus.trust.invitation import Invitation
from dsoftbus.trust.pairing import CANCEL, CONFIRM, REVEAL, Pairing
from dsoftbus.trust.pairing_window import PairingWindow
from support import NO_NAMES, Random, raises

HASH = b"h" * 32


def pair(opener_hash=HASH, other_hash=HASH):
    random = Random(11)
    return Pairing(True, opener_hash, random, 0), Pairing(False, other_hash, random, 0)


def carry(one, other, now=0) -> list:
    """Lets both speak until neither has anything to say; returns the types of the messages."""
    kinds = []
    for _ in range(10):
        for a, b in ((one, other), (other, one)):
            message = a.poll_transmit()
            if message is not None:
                kinds.append(message[0])
                b.receive(message, now)
    return kinds


def test_both_sides_show_the_same_digits_and_agree():
    one, other = pair()
    assert one.digits == ""
    assert carry(one, other) == [1, 2, 3]
    assert len(one.digits) == 6
    assert one.digits == other.digits
    one.confirm(one.digits)
    assert not one.ended
    carry(one, other)
    assert not other.ended
    other.confirm(other.digits)
    assert other.paired
    carry(one, other)
    assert one.paired
    assert one.poll_timer() is None


def test_they_may_agree_at_once():
    one, other = pair()
    carry(one, other)
    other.confirm(other.digits)
    one.confirm(one.digits)
    assert carry(one, other) == [4, 4]
    assert one.paired
    assert other.paired


def test_other_sessions_and_other_nonces_give_other_digits():
    seen = set()
    random = Random(1)
    for _n in range(8):
        one, other = Pairing(True, HASH, random, 0), Pairing(False, HASH, random, 0)
        carry(one, other)
        seen.add(one.digits)
    assert len(seen) == 8


def test_reject_pair_accept_with_wrong_code():
    one, other = pair()
    carry(one, other)
    wrong = "%06d" % ((int(one.digits) + 1) % 10**6)
    raises(WRONG_CODE, one.confirm, wrong)
    raises(BAD_STATE, one.confirm, one.digits)  # there is no second guess
    carry(one, other)
    assert (one.paired, one.code) == (False, WRONG_CODE)
    assert (other.paired, other.code) == (False, WRONG_CODE)
    assert label(WRONG_CODE) == "trust.reject.wrong_code"


def test_a_confirmation_of_another_exchange_is_the_wrong_code():
    one, other = pair()
    carry(one, other)
    one.receive(bytes((CONFIRM,)) + bytes(32), 0)
    assert one.code == WRONG_CODE
    one, other = pair()
    carry(one, other)
    one.confirm(one.digits)
    one.receive(one.poll_transmit(), 0)  # its own, sent back
    assert (one.paired, one.code) == (False, WRONG_CODE)


def test_a_reveal_that_was_not_committed_to_ends_the_attempt():
    one, other = pair()
    other.receive(one.poll_transmit(), 0)
    one.receive(other.poll_transmit(), 0)
    message = bytearray(one.poll_transmit())
    message[1] ^= 1
    other.receive(message, 0)
    assert (other.ended, other.code, other.digits) == (True, COMMITMENT_MISMATCH, "")
    assert other.poll_transmit() == bytes((CANCEL, COMMITMENT_MISMATCH))


def test_a_commitment_is_bound_to_its_session():
    one, other = pair(HASH, b"i" * 32)  # someone between them passes everything on
    carry(one, other)
    assert other.code == COMMITMENT_MISMATCH
    assert one.code == COMMITMENT_MISMATCH  # and says so to the first


def test_messages_out_of_turn_or_shape_end_the_attempt():
    for message, code in (
        (b"", MALFORMED),
        (b"\0", MALFORMED),
        (b"\1" + bytes(32), MALFORMED),
        (b"\1\2" + bytes(32), MALFORMED),  # of a version that is not known
        (bytes((REVEAL,)) + bytes(32), INVALID_STATE_TRANSITION),
        (bytes((CONFIRM,)) + bytes(32), INVALID_STATE_TRANSITION),
        (b"\6", MALFORMED),
        (bytes((CANCEL, 0)), PAIRING_CANCELLED),
        (bytes((CANCEL, PAIRING_TIMEOUT)), PAIRING_TIMEOUT),
    ):
        _, other = pair()
        other.receive(message, 0)
        assert (other.ended, other.paired, other.code) == (True, False, code), message
        other.receive(message, 0)
        assert other.code == code


def test_nothing_can_be_confirmed_before_there_are_digits():
    one, other = pair()
    raises(BAD_STATE, one.confirm, "")
    raises(BAD_STATE, other.confirm, "")
    assert not one.ended


def test_time_ends_an_attempt():
    one, other = pair()
    assert one.poll_timer() == 10000
    one.handle_timer(9999)
    assert not one.ended
    one.handle_timer(10000)
    assert (one.ended, one.code) == (True, PAIRING_TIMEOUT)
    one, other = pair()
    carry(one, other, 500)
    assert one.poll_timer() == 120500
    one.confirm(one.digits)
    one.handle_timer(120500)
    carry(one, other)
    assert other.code == PAIRING_TIMEOUT


def test_either_side_may_say_no():
    one, other = pair()
    carry(one, other)
    other.cancel()
    other.cancel()
    carry(one, other)
    assert (one.code, other.code) == (PAIRING_CANCELLED, PAIRING_CANCELLED)
    one, other = pair()
    one.stream_lost()
    assert (one.ended, one.code) == (True, PAIRING_CANCELLED)


def test_a_closed_desk_takes_no_pairings():
    desk = PairingWindow(Random(1))
    raises(PAIRING_CLOSED, desk.begin, False, HASH, 0)
    desk.open(0, 1000)
    assert desk.refusal(999) == 0
    assert desk.refusal(1000) == PAIRING_CLOSED
    desk.open(1000)
    attempt = desk.begin(True, HASH, 1000)
    desk.close()
    assert attempt.ended
    assert not desk.is_open(1001)


def test_a_desk_takes_one_pairing_at_a_time():
    desk = PairingWindow(Random(1))
    desk.open(0)
    first = desk.begin(False, HASH, 0)
    raises(PAIRING_LIMIT, desk.begin, False, HASH, 0)
    first.cancel()
    desk.settle()
    assert desk.begin(False, HASH, 0) is not first


def failed(desk, now: int, host=None, shown: bool = True) -> None:
    """An attempt that fails, with or without digits to compare."""
    attempt = desk.begin(False, HASH, now, host)
    if shown:
        carry(Pairing(True, HASH, Random(2), now), attempt)
        assert attempt.digits
    attempt.cancel(WRONG_CODE)
    desk.settle()


def test_a_desk_takes_so_many_attempts_and_no_more():
    desk = PairingWindow(Random(1))
    desk.open(0)
    now = 0
    for n in range(5):
        failed(desk, now)
        if n == 2:
            raises(PAIRING_LIMIT, desk.begin, False, HASH, now)  # three in a minute
            now = 40000
    raises(PAIRING_CLOSED, desk.begin, False, HASH, 100000)
    desk.open(100000)
    assert desk.begin(False, HASH, 100000)


def test_attempts_that_show_no_digits_do_not_close_a_desk():
    desk = PairingWindow(Random(1))
    desk.open(0)
    for n in range(14):
        failed(desk, 20000 * n, None, False)
    assert desk.refusal(290000) == 0 and desk.is_open(290000)


def test_one_host_does_not_close_a_desk_to_others():
    for shown in (True, False):
        desk = PairingWindow(Random(1))
        desk.open(0)
        for n in range(3):
            failed(desk, 20000 * n, "192.0.2.66", shown)
        raises(PAIRING_LIMIT, desk.begin, False, HASH, 80000, "192.0.2.66")
        assert desk.begin(False, HASH, 80000, "192.0.2.1")
        desk.withdraw()
        desk.open(100000)  # its owner says so anew
        failed(desk, 100000, "192.0.2.66", shown)


def test_one_host_does_not_use_up_the_attempts_of_a_minute():
    desk = PairingWindow(Random(1))
    desk.open(0)
    for _ in range(3):
        failed(desk, 0, "192.0.2.66")
    raises(PAIRING_LIMIT, desk.begin, False, HASH, 0, "192.0.2.66")
    assert desk.begin(False, HASH, 0, "192.0.2.1")


def test_a_success_closes_the_desk():
    desk = PairingWindow(Random(1))
    desk.open(0)
    attempt = desk.begin(False, HASH, 0)
    one = Pairing(True, HASH, Random(2), 0)
    carry(one, attempt)
    one.confirm(one.digits)
    carry(one, attempt)
    desk.settle()
    assert desk.current is attempt
    attempt.confirm(attempt.digits)
    desk.settle()
    assert attempt.paired
    assert desk.current is None
    assert not desk.is_open(1)


def test_an_invitation_there_and_back():
    made = Invitation(bytes(range(32)), bytes(range(16)), "Küche & Co", ("udp://[::1]:37020",))
    uri = made.encode()
    assert (
        uri[:70]
        == (
            "dsoftbus:aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq?t=aaaqeayeaudaocajbifqydiob4&n"
        )[:70]
    )
    read = invitation.decode(uri)
    assert (read.public, read.token, read.name) == (made.public, made.token, made.name)
    assert read.addresses == made.addresses
    assert read.id == made.id
    assert read.psk == made.psk
    assert len(read.psk) == 32
    head, query = uri.split("?")
    shouted = head.upper() + "?" + query.replace("t=a", "t=A") + "&z=later&"
    assert invitation.decode(shouted).token == made.token


def test_an_invitation_has_a_name_that_shows():
    uri = Invitation(bytes(32), bytes(16)).encode() + "&n="
    for name in NO_NAMES:
        escaped = "".join(["%%%02x" % byte for byte in name.encode()])
        raises(BAD_PAIRING_URI, invitation.decode, uri + escaped)
        raises(BAD_ARGUMENT, Invitation(bytes(32), bytes(16), name).encode)
    assert invitation.decode(uri + "%c3%a9").name == "\u00e9"


def test_what_is_no_invitation_is_refused():
    good = Invitation(bytes(32), bytes(16)).encode()
    for uri in (
        "",
        "http:" + good,
        good.replace("?t=", "?u="),
        good[:-1],
        good + "a",
        good.replace("aa?", "?"),
        good.replace("aa?", "a1?"),
        good[:-1] + "b",  # bits that belong to no byte
        good + "&n=%",
        good + "&n=%4",
        good + "&n=%g0",
        good + "&n=%ff",
        good + "&n=" + "n" * 33,
        good + "&a=ftp://x",
        good + "&a=tcp://x:1" * 5,
        good + "&a=tcp://x",
        good + "&a=tcp://:80",
        good + "&a=tcp://x:",
        good + "&a=tcp://x:0",
        good + "&a=tcp://x:65536",
        good + "&a=udp://x:99999",
        good + "&a=udp://x:-1",
        good + "&a=udp://x:%c2%b2",  # a superscript 2, and an Arabic 3
        good + "&a=udp://x:\u0663",
        good + "&a=udp://x:" + "1" * 100,
        good + "&x=" + "x" * 512,
    ):
        raises(BAD_PAIRING_URI, invitation.decode, uri)


def test_an_invitation_is_not_longer_than_a_camera_reads():
    raises(BAD_ARGUMENT, Invitation(bytes(32), bytes(16), "n", ("tcp://" + "h" * 500,)).encode)
