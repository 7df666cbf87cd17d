"""The MQTT client: what it says, and what a broker may do to it."""

from dsoftbus.errors import LocalError
from dsoftbus.mqtt import packets
from dsoftbus.mqtt.client import ENDED, MESSAGE, NOTHING, OPENED, REFUSED, MqttClient
from dsoftbus.mqtt.packets import Will
from support import Random

CONNACK = b"\x20\x02\x00\x00"
# CONNECT with a user, a password and a retained will, field by field after section 3.1.
SAID = b"\x10\x26\x00\x04MQTT\x04\xe6\x00\x3c" + b"\0\2id\0\1w\0\5gone!\0\4user\0\6secret"


def publish(topic, payload, flags=0) -> bytes:
    body = bytes((len(topic) >> 8, len(topic) & 0xFF)) + topic + payload
    return bytes((0x30 | flags,)) + length(len(body)) + body


def length(left) -> bytes:
    digits = []
    while left > 0x7F:
        digits.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes(digits + [left])


def heard(client, data, step=0, now=0) -> list:
    """The events when `data` comes, `step` bytes at a time."""
    found = []
    at = 0
    while at < len(data):
        view = client.space()
        n = min(step or len(view), len(view), len(data) - at)
        assert n > 0
        view[:n] = data[at : at + n]
        client.filled(n, now)
        at += n
        found += events(client, now)
    return found


def events(client, now=0) -> list:
    found = []
    while True:
        event = client.next_event(now)
        if event == NOTHING:
            return found
        if event == MESSAGE:
            event = client.topic, bytes(client.buffer[client.at : client.stop])
        found.append(event)


def said(client) -> bytes:
    buffer, at, stop = client.output()
    data = bytes(buffer[at:stop])
    client.written(len(data))
    return data


def opened(**sizes) -> MqttClient:
    client = MqttClient(**sizes)
    client.begin(0, b"id")
    said(client)
    assert heard(client, CONNACK) == [OPENED] and client.is_open
    return client


def ended(data, client=None) -> str:
    """The reason of the end after `data`; the client ends once, and then says nothing."""
    client = client or opened()
    found = heard(client, data)
    assert found[-1:] == [ENDED] and not client.is_open, (found, data)
    assert heard(client, CONNACK) == [] and said(client) == b"" and client.poll_timer() is None
    assert not client.publish(b"t", b"") and not client.subscribe([b"t"])
    return client.why


# What it says


def test_connect_says_who_it_is_and_what_its_will_is():
    client = MqttClient()
    assert said(client) == b"" and client.poll_timer() is None
    client.begin(0, b"id", b"user", b"secret", Will(b"w", b"gone!", True))
    assert said(client) == SAID


def test_connect_leaves_out_what_is_not_there():
    client = MqttClient()
    client.begin(0, b"id", b"", b"without a name")
    assert said(client) == b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\0\2id"


def test_subscriptions_are_numbered():
    client = opened()
    assert client.subscribe([b"a/b", b"c/+"])
    assert said(client) == b"\x82\x0e\0\1\0\3a/b\0\0\3c/+\0"
    assert client.unsubscribe([b"a/b"])
    assert said(client) == b"\xa2\x07\0\2\0\3a/b"
    for _ in range(0xFFFF - 2):
        client.subscribe([])
        said(client)
    client.subscribe([])
    assert said(client) == b"\x82\2\0\1"  # zero is no number


def test_publish_is_written_as_it_is():
    client = opened()
    for size in (0, 1, 120, 121, 122, 1223):
        payload = bytes([size & 0xFF]) * size
        assert client.publish(b"t/op", payload + b"beyond", size)
        assert said(client) == publish(b"t/op", payload)
    assert client.publish(b"t", b"p", retain=True)
    assert said(client) == publish(b"t", b"p", 1)


def test_what_the_buffer_cannot_hold_is_refused():
    client = opened(out_bytes=100)
    assert client.publish(b"t", bytes(40)) and client.publish(b"t", bytes(40))
    assert not client.publish(b"t", bytes(40)) and not client.subscribe([b"t" * 10])
    buffer, at, _ = client.output()
    first = bytes(buffer[at : at + 50])
    client.written(50)  # the link takes a part, and what is left moves to the front
    assert client.publish(b"t", bytes(40))
    assert first + said(client) == publish(b"t", bytes(40)) * 3
    assert not client.publish(b"t", bytes(200))


def test_what_no_packet_can_say_is_an_error():
    client = opened(out_bytes=100)
    try:
        client.subscribe([bytes(65536)])
        raise AssertionError
    except LocalError:
        pass
    client.begin(0, bytes(200))
    assert events(client) == [ENDED] and client.why == "CONNECT is larger than the buffer"


def test_leaving_takes_the_will_back():
    client = opened()
    client.publish(b"t", b"last")
    client.close()
    assert said(client) == publish(b"t", b"last") + b"\xe0\0"
    assert events(client) == [] and client.poll_timer() is None
    client = MqttClient()
    client.close()  # before there was a broker
    assert said(client) == b"" and events(client) == []


# What it hears

BROUGHT = [
    (CONNACK, [OPENED]),
    (publish(b"a", b""), [(b"a", b"")]),
    (publish(b"b/c", b"\0" * 300, 1), [(b"b/c", b"\0" * 300)]),
    (b"\x90\3\0\1\0", []),
    (b"\x90\4\0\1\0\x80", [REFUSED]),
    (b"\xb0\2\0\2", []),
    (b"\xd0\0", []),
    (publish(b"d", b"x" * 1223), [(b"d", b"x" * 1223)]),
]


def test_packets_are_found_however_they_come():
    data = b"".join([packet for packet, _ in BROUGHT])
    expected = [event for _, found in BROUGHT for event in found]
    for step in (0, 1, 2, 3, 7, 100, 1000):
        client = MqttClient()
        client.begin(0, b"id")
        assert heard(client, data, step) == expected
        assert client.refused == 1 and client.skipped == 0


def test_packets_that_come_in_two_parts_are_whole():
    data = publish(b"b/c", b"12") + publish(b"d", b"")
    for cut in range(len(data) + 1):
        client = opened()
        found = heard(client, data[:cut]) + heard(client, data[cut:])
        assert found == [(b"b/c", b"12"), (b"d", b"")]


def test_what_is_cut_off_is_no_message():
    data = publish(b"b/c", b"123")
    for cut in range(len(data)):
        client = opened()
        assert heard(client, data[:cut]) == []
        client.link_lost("lost")
        assert events(client) == [ENDED] and client.why == "lost"


def test_a_message_that_is_too_large_is_skipped():
    for size in (60, 61, 500, 20000, 2200000):
        client = opened(in_bytes=64)
        large = publish(b"t", b"")[:1] + length(3 + size) + b"\0\1t"
        assert heard(client, large) == []
        for _ in range(size // 20):
            assert heard(client, bytes(20)) == []
            if client.skipped and size > 1000:  # most of it, at once
                left = size - 20
                while left:
                    n = min(left, 64)
                    client.space()
                    client.filled(n, 0)
                    left -= n
                    assert events(client) == []
                break
        else:
            heard(client, bytes(size % 20))
        assert heard(client, publish(b"t", b"next")) == [(b"t", b"next")], size
        assert client.skipped == 1


def test_a_message_that_just_fits_is_taken():
    client = opened(in_bytes=64)
    fits = publish(b"t", bytes(59))
    assert len(fits) == 64
    for step in (1, 0):
        assert heard(client, fits + fits, step) == [(b"t", bytes(59))] * 2
    assert client.skipped == 0


def test_it_can_be_used_again():
    client = opened()
    heard(client, publish(b"t", b"whole") + b"\x30\x7fpart")
    client.publish(b"t", b"was never sent")
    client.link_lost("lost")
    assert events(client) == [ENDED]
    client.begin(100, b"id")
    assert said(client)[:1] == b"\x10"
    assert heard(client, CONNACK + publish(b"t", b"new")) == [OPENED, (b"t", b"new")]


# What a broker may not do


def test_refusals_are_words():
    for code, word in ((1, "speak"), (2, "identifier"), (3, "available"), (4, "password")):
        client = MqttClient()
        client.begin(0, b"id")
        assert word in ended(b"\x20\2\0" + bytes((code,)), client)
    client.begin(0, b"id")
    assert ended(b"\x20\2\0\5", client) == "the broker refuses this user"
    client.begin(0, b"id")
    assert ended(b"\x20\2\0\x77", client) == "refused with code 119"


def test_nothing_comes_before_connack():
    for data in (publish(b"t", b""), b"\xd0\0", b"\x90\3\0\1\0", b"HTTP/1.1 400", b"\x21\2\0\0"):
        client = MqttClient()
        client.begin(0, b"id")
        assert ended(data, client) == "malformed: no CONNACK"
    client.begin(0, b"id")
    assert ended(b"\x20\xff\xff\x7f", client) == "malformed: a packet that is too large"
    client.begin(0, b"id")
    assert ended(b"\x20\2\1\0", client) == "malformed: CONNACK"  # a session of before


HOSTILE = (
    CONNACK,  # twice
    b"\x20\3\0\0\0",
    b"\x30\0",  # no topic
    b"\x30\1\0",
    b"\x30\2\0\0",
    b"\x30\3\0\2t",
    b"\x30\3\xff\xfft",
    b"\x32\5\0\1t\0\1",  # QoS 1, QoS 2, a copy of neither
    b"\x34\5\0\1t\0\1",
    b"\x38\3\0\1t",
    b"\x90\2\0\1",
    b"\x90\3\0\1\1",  # more than was asked for
    b"\x91\3\0\1\0",
    b"\xb0\3\0\1\0",
    b"\xd0\1\0",
    b"\xd1\0",
    b"\x00\0",
    b"\xf0\0",
    b"\x10\0",
    b"\x40\2\0\1",  # PUBACK, PUBREL: of QoS that nobody asked for
    b"\x62\2\0\1",
    b"\xe0\0",
    b"\x30\xff\xff\xff\xff",  # a length without an end
    b"\xd0\x80\x80\x80\x80\0",
    b"\x90\xff\xff\xff\x7f",  # only a message may be large
)


def test_what_breaks_the_protocol_ends_the_connection():
    for data in HOSTILE:
        assert ended(data)[:10] == "malformed:", data


def test_no_chance_bytes_raise():
    random = Random(18)
    for _ in range(400):
        client = opened(in_bytes=64)
        for _ in range(6):
            data = bytearray(random(1 + random.below(40)))
            data[0] = (0x30, 0x90, 0xD0, data[0])[random.below(4)]
            if len(data) > 1 and random.below(2):
                data[1] = max(len(data) - 2, 0)
            for event in heard(client, bytes(data)):
                if isinstance(event, tuple):
                    assert event[0] and len(event[0]) + len(event[1]) <= 60
        assert client.skipped <= 6


# Times


def test_a_broker_that_is_silent_is_asked_and_left():
    client = MqttClient()
    client.begin(1000, b"id")
    assert client.poll_timer() == 31000
    client.handle_timer(30999)
    assert events(client) == []
    client.handle_timer(31000)
    assert events(client) == [ENDED] and client.why == "the broker does not answer"
    client = opened()
    said(client)
    client.handle_timer(44999)
    assert said(client) == b"" and client.poll_timer() == 45000
    client.handle_timer(45000)
    assert said(client) == b"\xc0\0" and client.poll_timer() == 60000
    heard(client, b"\xd0\0", 0, 50000)
    assert client.poll_timer() == 95000
    client.handle_timer(95000)
    client.handle_timer(110000)
    assert events(client) == [ENDED]


def test_a_broker_that_takes_nothing_is_left():
    client = opened(out_bytes=64)
    while client.publish(b"t", b"p"):
        pass
    client.handle_timer(45000)
    assert events(client) == [] or client.why == "the broker takes nothing"
    client = opened(out_bytes=40)
    assert client.publish(b"t", bytes(34)) and client.publish(b"", b"") is False
    client.handle_timer(45000)
    assert events(client) == [ENDED] and client.why == "the broker takes nothing"


def test_the_packets_have_their_lengths():
    out = bytearray(20000)
    for size in (0, 124, 125, 16000, 16380, 16381):
        end = packets.put_publish(out, 0, b"t", bytes(size), size, False)
        assert end == packets.publish_bytes(b"t", size)
        assert bytes(out[:end]) == publish(b"t", bytes(size))
