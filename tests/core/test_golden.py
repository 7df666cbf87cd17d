"""The wire stays as it is: whole sessions on each link, byte for byte as they were captured."""

import captured
from dsoftbus.const import PKT_COOKIE, REC_FINISH, REC_INIT, REC_PROTECTED, REC_REPLY

FOLDER = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."


def lines_of(name: str) -> list:
    with open("%s/captures/%s.txt" % (FOLDER, name)) as file:
        return file.read().split("\n")[:-1]


def check(name: str):
    said = dict(captured.CAPTURES)[name]()
    was = lines_of(name)
    for i in range(min(len(said), len(was))):
        assert said[i] == was[i], "%s, line %d:\n%s\nwas\n%s" % (name, i + 1, said[i], was[i])
    assert len(said) == len(was), "%s: %d lines, captured %d" % (name, len(said), len(was))


def test_a_session_on_a_stream():
    check("stream")


def test_a_session_over_datagrams():
    check("datagram")


def test_a_session_on_a_serial_line():
    check("serial")


def test_announcements():
    check("announcements")


def test_the_datagram_capture_has_every_kind_of_packet():
    """So nothing of the handshake has slipped out of the capture."""
    kinds = {int(line.split(" ")[2][:2], 16) for line in lines_of("datagram")}
    assert kinds == {REC_INIT, REC_REPLY, REC_FINISH, REC_PROTECTED, PKT_COOKIE}
