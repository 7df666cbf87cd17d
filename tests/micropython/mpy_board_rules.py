"""The rules of config.json on a board: taken over when they change, and kept up between."""

import os
import sys

from flash import Flash, Littlefs, Mounted

from dsoftbus.const import SMALL
from dsoftbus.identity import device_id
from dsoftbus.trust import promise
from dsoftbus.trust.store import Entry
from dsoftbus_mpy.trust_file import StoreFile


class Hardware:
    """The module that each board has of its own."""

    PROFILE = SMALL
    ADC = None


sys.modules["dsoftbus_profile"] = Hardware
from dsoftbus_mpy.device import board_start as board  # noqa: E402

OLD, NEW = b"o" * 32, b"n" * 32
OLD_ID, NEW_ID = device_id(OLD), device_id(NEW)


def start(texts) -> StoreFile:
    """The board's store after a start with these rules in its config.json."""
    trust = StoreFile("trust.json", SMALL)
    board._set_rules(trust, texts)
    return trust


def rules(texts) -> list:
    return [str(own) for own in start(texts).store.rules]


def on_flash(test) -> None:
    flash = Flash(*Littlefs.blocks)
    Littlefs.vfs.mkfs(flash)
    before = os.getcwd()
    with Mounted(Littlefs, flash):
        os.chdir("/flash")
        try:
            test()
        finally:
            os.chdir(before)


def test_rules_are_those_of_the_settings():
    def test():
        assert rules([]) == []
        assert os.listdir() == []  # nothing to write
        assert rules(["allow in * a", "deny in * b"]) == ["allow in * a", "deny in * b"]
        assert rules(["allow in * a", "deny in * b"]) == ["allow in * a", "deny in * b"]
        assert rules(["deny in * b"]) == ["deny in * b"]
        assert rules([]) == []

    on_flash(test)


def test_a_denied_peer_does_not_escape_by_a_new_key_and_a_start():
    def test():
        texts = ["deny in %s echo" % OLD_ID, "allow in %s files" % OLD_ID]
        trust = start(texts)
        trust.store.add(Entry(OLD, "hall"))
        promise._take(trust.store, trust.store.get(OLD_ID), NEW, 60, 0)
        assert promise.follow(trust.store, NEW)
        trust.save()
        moved = ["deny in %s echo" % NEW_ID, "allow in %s files" % NEW_ID]
        assert rules(texts) == moved
        trust = start(texts)
        trust.store.remove(NEW_ID)
        trust.save()
        assert rules(texts) == moved[:1]  # what was allowed has gone with the peer
        assert rules(texts + ["allow in * a"]) == texts + ["allow in * a"]  # as its owner says

    on_flash(test)
