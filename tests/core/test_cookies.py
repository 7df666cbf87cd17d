"""Cookies: good from where they were asked for, for a while, on a busy node and on a quiet one."""

from dsoftbus.crypto.provider import suite as portable
from dsoftbus.session.cookies import SECRET_MS, Cookies
from support import Random

HASH = portable().hash
OPENING = bytes(range(36))
PATH = ("192.0.2.1", 37020)


def cookies():
    return Cookies(HASH, Random(1))


def test_good_for_one_opening_from_one_address():
    made = cookies()
    cookie = made.make(OPENING, PATH, 0)
    assert len(cookie) == 16 and made.good(cookie, OPENING, PATH, 1)
    assert not made.good(cookie, OPENING, ("192.0.2.2", 37020), 1)
    assert not made.good(cookie, OPENING, ("192.0.2.1", 37021), 1)
    assert not made.good(cookie, OPENING[1:] + b"x", PATH, 1)
    for i in range(16):
        changed = bytearray(cookie)
        changed[i] ^= 1
        assert not made.good(bytes(changed), OPENING, PATH, 1)
    assert not made.good(b"", OPENING, PATH, 1) and not made.good(cookie[:15], OPENING, PATH, 1)


def test_the_secret_before_is_still_good_and_no_older_one():
    assert SECRET_MS == 30000, "as docs/wire-format.md says"
    made = cookies()
    first = made.make(OPENING, PATH, 0)
    second = made.make(OPENING, PATH, SECRET_MS)
    assert first != second
    assert made.good(first, OPENING, PATH, 2 * SECRET_MS - 1)
    assert made.good(second, OPENING, PATH, 2 * SECRET_MS - 1)
    assert not made.good(first, OPENING, PATH, 2 * SECRET_MS)
    assert made.good(second, OPENING, PATH, 2 * SECRET_MS)


def test_a_cookie_grows_old_on_a_quiet_node_too():
    """Nobody asked in between, so nothing has changed the secret; the time has passed all the
    same."""
    for quiet_ms in (2 * SECRET_MS, 3 * SECRET_MS, 1000 * SECRET_MS):
        made = cookies()
        cookie = made.make(OPENING, PATH, 0)
        assert not made.good(cookie, OPENING, PATH, quiet_ms), quiet_ms
    made = cookies()
    cookie = made.make(OPENING, PATH, 0)
    assert made.good(cookie, OPENING, PATH, 2 * SECRET_MS - 1)


def test_nodes_do_not_share_cookies():
    cookie = cookies().make(OPENING, PATH, 0)
    assert not Cookies(HASH, Random(2)).good(cookie, OPENING, PATH, 1)
