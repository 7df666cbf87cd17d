"""config.json: what is wrong with one is said, and what is left out is filled in."""

import json
import os

from dsoftbus.broker.group import Group
from dsoftbus.broker.group_token import encode
from dsoftbus.const import U30_MAX
from dsoftbus_mpy.device import config
from dsoftbus_mpy.device.boot_counter import count_start

ODD = "/tmp/dsoftbus-%x.json" % id(config)  # another one in each process
SECRET = bytes(range(32))
GROUP = encode(Group(SECRET, "home", "mqtt://127.0.0.1"))

GOOD = (
    ("name", ("a", "x" * 32, "h\xfctte")),
    ("serial", ("console", "uart", "")),
    ("uart", ([0, 0, 1], [1, None, None], ["1", "X9", "X10"])),
    ("baud", (1200, 921600)),
    ("wifi", (["", ""], ["open", ""], ["home", "12345678"], ["x" * 32, "y" * 64])),
    ("address", (["10.0.0.2", "255.0.0.0", "10.0.0.1", "10.0.0.1"],)),
    ("host", ("0.0.0.0", "127.0.0.1")),
    ("port", (0, 1, 65535)),
    ("link", ("tcp", "udp", "auto")),
    ("discovery", (True, False, 37022)),
    ("group", ("", GROUP)),
    ("broadcast", ("127.255.255.255",)),
    ("grants", ([], ["allow both *"], ["allow in a", "deny out b*"])),
    ("rules", ([], ["allow in * temperature"], ["deny both paired secret"])),
    ("echo", (True, False)),
    ("files", ("", "files")),
    ("quota", (None, 1, 2**30 - 1)),
    ("updates", (True, False)),
    ("logs", (True, False)),
    ("console", (True, False)),
    ("watchdog_ms", (0, 1000, 8388)),
)
BAD = (
    ("name", ("", "x" * 33, "\xfc" * 17, 7, None, ["a"])),
    ("serial", ("usb", None, 1, True)),
    ("uart", ("0", [0], [0, 1, 2, 3], 5)),
    ("baud", (0, "115200", 9e3, 10**7, True)),
    ("wifi", ("home", ["home"], ["home", "short"], ["home", None], ["x" * 33, ""], [1, 2], {})),
    ("address", ([], ["10.0.0.2"], "10.0.0.2", ["10.0.0.2", "a", "b", "c"])),
    ("host", ("localhost", "1.2.3", "1.2.3.256", "1.2.3.4.5", 7, "")),
    ("port", (-1, 65536, "80", None, True, 1.5)),
    ("link", ("", "both", None)),
    ("discovery", (0, -1, 65536, "yes", None)),
    ("group", ("home", "dsoftbus-group:", GROUP[:-1], GROUP + "a", 7, None, [GROUP])),
    ("broadcast", (True, "255")),
    ("grants", ("allow both *", ["allow"], [7], {"allow both *": 1})),
    ("rules", (["allow in temperature"], "x", [None], ["allow in nobody x"])),
    ("echo", (0, 1, "true", None)),
    ("files", (".", "..", "a/b", "/", "lib", ".hidden", 1, None, "x" * 33)),
    ("files", ("LIB", "lib.", "a.", "a ", " ", "a\\..", "0:", "\\")),
    ("quota", (0, -1, 2**30, "1 MB", True, 1.5)),
    ("updates", (1, "true", None)),
    ("logs", (1, "yes", None)),
    ("console", (0, "true", None)),
    ("watchdog_ms", (-1, 5, 10**6, "8000", True)),
)


def test_every_setting_has_good_and_bad_values_here():
    known = sorted(config.complete({}))
    assert [key for key, _ in sorted(GOOD)] == known == sorted({key for key, _ in BAD})


def test_good_values_pass():
    for key, values in GOOD:
        for value in values:
            assert config.problems({"port": 5000, "files": "files", key: value}) == [], (
                key,
                value,
            )


def test_a_bad_value_is_named_with_what_would_be_right():
    for key, values in BAD:
        for value in values:
            wrong = config.problems({key: value})
            assert len(wrong) == 1 and wrong[0].startswith('"%s" has to be ' % key), (key, value)
            assert wrong[0].endswith("not " + json.dumps(value))


def test_an_unknown_setting_is_named_with_those_that_there_are():
    (wrong,) = config.problems({"prot": 80})
    assert wrong.startswith('there is no setting "prot"; there are address baud ')
    assert len(config.problems({"prot": 80, "nmae": "x", "name": ""})) == 3


def test_no_settings_at_all():
    for value in (None, [], "x", 3):
        assert config.problems(value) == ["it has to be {NAME: VALUE, ...}"]


def test_a_file_that_is_no_json_is_said_and_no_more():
    for data in (b"", b"\xff\xfe", b"{", b"[" * 20000, b"NaN", b'{"a":' * 5000, b"\0" * 100):
        with open(ODD, "wb") as file:
            file.write(data)
        settings, wrong = config.read(ODD)
        assert settings is None and len(wrong) == 1 and wrong[0].startswith(ODD), wrong
    os.remove(ODD)
    assert config.read(ODD) == (None, ["there is no " + ODD])


def test_starts_are_counted_whatever_the_file_says():
    for data in (b"", b"\xff", b"-5", b"9" * 400, b"1.5", b"7"):
        with open(ODD, "wb") as file:
            file.write(data)
        first = count_start(ODD)
        assert 0 <= first <= U30_MAX and count_start(ODD) != first
    os.remove(ODD)
    assert count_start("/no/such/folder/starts") == count_start("/no/such/folder/starts")


def test_settings_that_contradict_each_other():
    (wrong,) = config.problems({"serial": ""})
    assert "nobody could reach this node" in wrong
    (wrong,) = config.problems({"quota": 1000})
    assert '"quota" is of the folder "files"' in wrong
    (wrong,) = config.problems({"port": 37020, "link": "auto"})
    assert "another than 37020" in wrong
    assert config.problems({"port": 37020, "link": "auto", "discovery": False}) == []


def test_what_is_left_out_is_filled_in():
    full = config.complete({})
    assert full["name"] == "board" and full["serial"] == "console" and full["baud"] == 115200
    assert full["wifi"] is None and full["port"] == 0 and full["discovery"] == 37020
    assert config.complete({"wifi": ["home", ""]})["port"] == 37021
    assert config.complete({"wifi": ["", ""]})["wifi"] is None
    assert config.complete({"discovery": False})["discovery"] == 0
    assert config.complete({"discovery": 5})["discovery"] == 5
