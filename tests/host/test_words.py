"""Errors as a person reads them: words first, the label behind."""

import errno
import os

import pytest

from dsoftbus.base.labels import LABELS
from dsoftbus.base.sleep_times import code_of, planned_s
from dsoftbus.errors import (
    BAD_ARGUMENT,
    DECRYPT_FAILED,
    END_LINK_DOWN,
    END_LOCAL,
    END_PEER,
    END_REFUSED,
    MALFORMED,
    NOT_PAIRED,
    OTHER_KEY,
    STALE_PEER,
    LocalError,
    PeerError,
)
from dsoftbus.identity import device_id
from dsoftbus.service import call_labels, status, topic_labels
from dsoftbus.service.status import CallError
from dsoftbus_host.cli.common import called
from dsoftbus_host.cli.terminal.words import ADVICE, WORDS, advice, reason, said
from dsoftbus_host.update import errors as update_errors

ID = device_id(b"\1" * 32)


def test_every_label_has_words_of_its_own():
    ends = {code: text for code, text in LABELS.items() if not planned_s(code)}
    labels = (ends, call_labels.LABELS, topic_labels.LABELS, update_errors.LABELS)
    assert set(WORDS) == set().union(*labels)
    assert len(WORDS) == sum(map(len, labels))
    assert len(set(WORDS.values())) == len(WORDS)
    assert set(ADVICE) <= set(WORDS)


def test_words_come_first_and_the_label_is_the_peers():
    refused = PeerError(END_REFUSED, "", NOT_PAIRED)
    assert said(refused, "hall") == "hall has not paired with this node (trust.reject.not_paired)"
    assert said(refused).startswith("the peer has not paired")
    assert "`dsoftbus pair`" in advice(refused)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (LocalError(BAD_ARGUMENT, "no port: x"), "no port: x (local.bad_argument)"),
        (
            LocalError(BAD_ARGUMENT, "nothing was changed:\nname: a text"),
            "nothing was changed: (local.bad_argument)\nname: a text",
        ),
        (LocalError(STALE_PEER, ID), "hall is not heard here (discovery.reject.stale_peer)"),
        (
            PeerError(MALFORMED, "pong"),
            "hall sent what makes no sense: pong (core.reject.malformed_message)",
        ),
        (
            PeerError(END_LINK_DOWN, "hall: Connection refused"),
            "no connection to hall: Connection refused (session.end.link_down)",
        ),
        (
            PeerError(OTHER_KEY, "instead, another", DECRYPT_FAILED),
            "hall is there with another key: instead, another"
            " (session.reject.other_key, noise.reject.decrypt_failed)",
        ),
        (
            PeerError(END_PEER, "", code_of(600000)),
            "hall sleeps now, for about 10 minutes (session.end.asleep_600_s)",
        ),
        (PeerError(END_PEER, "", END_LOCAL), "hall ended the session (session.end.peer)"),
        (
            PeerError(END_PEER, "", MALFORMED),
            "hall says that this node sent what makes no sense (core.reject.malformed_message)",
        ),
        (PeerError(0xFE), "hall gave a reason that is not known here (unknown.0xfe)"),
        (FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "x"), "x: No such file"),
        (CallError(7, "wait"), "hall answered with error 7: wait (call.error)"),
        (CallError(0, "a\nb\x1b"), "hall answered with error 0: a\\u000ab\\u001b (call.error)"),
        (
            CallError(0, "", status.DENIED),
            "hall does not allow this node that call (call.denied)",
        ),
        (CallError(0, "", 0xEE), "hall gave a reason that is not known here (call.0xee)"),
        (OSError("no more"), "no more"),
        (OSError(2, "could not open port x"), "could not open port x"),
    ],
    ids=str,
)
def test_what_is_said_of_an_error(error, expected):
    assert said(error, "hall").startswith(expected)


def test_a_name_with_braces_is_a_name():
    assert reason(NOT_PAIRED, "{0}").startswith("{0} has not paired")


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        ("hall", "hall"),
        ("00@192.0.2.1:37020", "192.0.2.1:37020"),
        ("udp://00@[::1]:1", "[::1]:1"),
        ("DSOFTBUS:secret", ""),
        ("-", ""),
        (None, ""),
    ],
)
def test_a_peer_iscalled_as_the_person_did_without_what_is_secret_or_long(peer, name):
    assert called(peer) == name
