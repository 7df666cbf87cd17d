"""The rights to files: in and out apart, replacing apart, each asked before anything is done."""

import os

import pytest

from backend import run
from dsoftbus.const import HOST as LIMITS
from dsoftbus.errors import (
    FILE_EXISTS,
    NOT_PAIRED,
    OUTSIDE_ACL,
    SHARE_QUOTA,
    STREAM_REFUSED,
    LocalError,
    PeerError,
)
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_host.bare_bus import BareBus
from node_pair import HOST, refused
from shared import asked, digest, make_file, putting

SHELF, HALL = bytes([1]) * 32, bytes([2]) * 32


class Ruled:
    """Two nodes that trust each other: `shelf` grants the hall `shelf_grants`, and the hall its
    programs what `hall_grants` say."""

    def __init__(self, tmp_path, shelf_grants=(), hall_grants=("allow both *",), **options):
        self.folder = tmp_path / "served"
        self.folder.mkdir(exist_ok=True)
        self.here = tmp_path / "here"
        self.here.mkdir(exist_ok=True)
        self.transfers = []
        self.shelf = _bus(SHELF, HALL, shelf_grants)
        self.hall = _bus(HALL, SHELF, hall_grants)
        self._options = options

    async def __aenter__(self):
        self.shelf.share(self.folder, on_transfer=self._on_transfer, **self._options)
        port = await self.shelf.listen(HOST)
        self.session = await self.hall.connect(HOST, port, self.shelf.public)
        return self

    async def __aexit__(self, *_):
        await self.hall.close()
        await self.shelf.close()

    def _on_transfer(self, transfer) -> None:
        self.transfers.append((transfer.verb, transfer.name, transfer.code))

    @property
    def names(self) -> list:
        return sorted(os.listdir(self.folder))


def _bus(own: bytes, other: bytes, grants) -> BareBus:
    store = TrustStore(LIMITS)
    public = BareBus(other).public
    store.add(Entry(public, "other", [grant(text) for text in grants]))
    return BareBus(own, guard=Guard(store, os.urandom))


def with_rules(tmp_path, test, *grants, **options) -> None:
    async def main():
        async with Ruled(tmp_path, grants, **options) as ruled:
            await test(ruled)

    run(main())


def test_in_is_to_store_and_no_more(tmp_path):
    async def test(ruled):
        file = make_file(tmp_path / "new", 10)
        await ruled.session.send(file)
        await refused(OUTSIDE_ACL, ruled.session.fetch("new", ruled.here))
        assert await ruled.session.files() == []
        await refused(OUTSIDE_ACL, ruled.session.send(file, replace=True))
        assert (ruled.folder / "new").read_bytes() == file.read_bytes()

    with_rules(tmp_path, test, "allow in share/*")


def test_out_is_to_fetch_and_to_list_and_no_more(tmp_path):
    async def test(ruled):
        make_file(ruled.folder / "there", 10)
        await refused(OUTSIDE_ACL, ruled.session.send(make_file(tmp_path / "new", 10)))
        assert ruled.names == ["there"]
        assert [shared.name for shared in await ruled.session.files()] == ["there"]
        await ruled.session.fetch("there", ruled.here)

    with_rules(tmp_path, test, "allow out share/*")


def test_replacing_is_a_right_of_its_own(tmp_path):
    async def test(ruled):
        file = make_file(tmp_path / "there", 10)
        make_file(ruled.folder / "there", 11)
        await refused(FILE_EXISTS, ruled.session.send(file))
        await ruled.session.send(file, replace=True)
        assert digest(ruled.folder / "there") == digest(file)
        await refused(OUTSIDE_ACL, ruled.session.send(file, name="other", replace=True))
        assert ruled.names == ["there"]

    with_rules(tmp_path, test, "allow in share/*", "allow in replace/there")


def test_rules_speak_of_names(tmp_path):
    async def test(ruled):
        for name in ("photos/a", "photos/secret/b", "notes"):
            path = ruled.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            make_file(path, 5)
        assert [shared.name for shared in await ruled.session.files()] == ["photos/a"]
        fetched = await ruled.session.fetch("photos", ruled.here)
        assert [shared.name for shared in fetched] == ["photos/a"]
        for name in ("photos/secret/b", "notes"):
            await refused(OUTSIDE_ACL, ruled.session.fetch(name, ruled.here))
        long = "photos/" + "x" * 200
        await refused(OUTSIDE_ACL, ruled.session.send(make_file(tmp_path / "f", 5), name=long))

    with_rules(tmp_path, test, "allow out share/photos/*", "deny out share/photos/secret/*")


def test_ones_own_rules_hold_for_ones_own_program(tmp_path):
    async def main():
        grants = ("allow both *",)
        own = ("allow out share/this", "allow in share/that")
        async with Ruled(tmp_path, grants, own) as ruled:
            file = make_file(tmp_path / "file", 5)
            make_file(ruled.folder / "that", 5)
            make_file(ruled.folder / "other", 5)
            await ruled.session.send(file, name="this")
            await ruled.session.fetch("that", ruled.here)
            for moved in (
                ruled.session.send(file, name="that"),
                ruled.session.fetch("this", ruled.here),
                ruled.session.fetch("other", ruled.here),
            ):
                error = await refused(OUTSIDE_ACL, moved)
                assert isinstance(error, LocalError)
            assert ruled.names == ["other", "that", "this"]

    run(main())


@pytest.mark.parametrize(
    "request_",
    [
        ("put", "nul", 5, False),
        ("put", "taken", 5, False),
        ("put", "taken/x", 5, False),
        ("put", "new", 1 << 40, False),
        ("put", "../x", 5, False),
        ("get", "taken", []),
        ("get", "missing", []),
        ("get", "nul", []),
    ],
)
def test_access_is_decided_first_and_shows_nothing(tmp_path, request_):
    """The answer is the same, whatever is there and wherever it would lead; nothing is made."""

    async def test(ruled):
        make_file(ruled.folder / "taken", 5)
        error = await refused(OUTSIDE_ACL, (await asked(ruled.session, *request_)).read())
        assert isinstance(error, PeerError)
        assert ruled.names == ["taken"]

    with_rules(tmp_path, test, "allow both echo", quota=100)


def test_then_the_name_then_the_place_then_the_quota(tmp_path):
    async def test(ruled):
        make_file(ruled.folder / "taken", 5)
        (ruled.folder / "folder").mkdir()
        for name, size, code in (
            ("nul", 1000, STREAM_REFUSED),
            ("folder", 1000, STREAM_REFUSED),
            ("taken", 1000, FILE_EXISTS),
            ("new", 1000, SHARE_QUOTA),
        ):
            stream = await asked(ruled.session, "put", name, size, False)
            await refused(code, stream.read())
        assert ruled.names == ["folder", "taken"]

    with_rules(tmp_path, test, "allow in share/*", quota=100)


def test_who_may_not_fetch_a_file_learns_nothing_of_its_content(tmp_path):
    """The receiver's mark of a file that it has would tell its SHA-256."""

    async def test(ruled):
        make_file(ruled.folder / "there", 5)
        stream = await asked(ruled.session, "put", "there", 5, False)
        await refused(FILE_EXISTS, stream.read())

    async def with_out(ruled):
        make_file(ruled.folder / "there", 5)
        _, marks = await putting(ruled.session, "there", 5)
        assert marks == [[5, digest(ruled.folder / "there")]]

    with_rules(tmp_path, test, "allow in share/*")
    with_rules(tmp_path, with_out, "allow in share/*", "allow out share/*")


def test_a_stranger_whom_no_rule_knows_has_no_share(tmp_path):
    async def main():
        async with Ruled(tmp_path) as ruled:
            stranger = BareBus(bytes([3]) * 32)
            async with stranger:
                ruled.shelf.node.guard.store.add_rule(rule("allow in * echo"))
                port = ruled.shelf.places[0][1]
                session = await stranger.connect(HOST, port, ruled.shelf.public)
                file = make_file(tmp_path / "file", 5)
                await refused(NOT_PAIRED, session.send(file))
                assert await session.files() == []
                assert ruled.names == []

    run(main())


def test_denied_wishes_are_told_with_their_right(tmp_path):
    async def test(ruled):
        await refused(OUTSIDE_ACL, ruled.session.send(make_file(tmp_path / "new", 5)))
        event = ruled.shelf.node.guard.acl.next_event()
        assert (event.name, event.code) == ("share/new", OUTSIDE_ACL)
        assert ruled.transfers == [("put", "new", OUTSIDE_ACL)]

    with_rules(tmp_path, test)
