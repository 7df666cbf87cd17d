"""Updates over a session: the calls and the files, by one who may and one who may not."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from backend import run
from dsoftbus.errors import (
    MALFORMED,
    NOT_PAIRED,
    OUTSIDE_ACL,
    UPDATE_BUSY,
    UPDATE_FILE,
    UPDATE_MANIFEST,
    UPDATE_NO_SPACE,
    UPDATE_SAME,
    UPDATE_STATE,
    UPDATE_TRIAL,
    UPDATE_VERSION,
    BusError,
)
from dsoftbus.service import status
from dsoftbus.service.status import CallError
from dsoftbus.share.messages import put_header
from dsoftbus.update.manifest import MANIFEST
from dsoftbus_aio.services.share_moving import read_header
from node_pair import HOST, Ruled, until
from update_board import Board, Flash, Version, announced, manifest

APP = {"app.py": b"print(1)" * 400, "pages/a.html": b"a" * 700, "pages/b.html": b""}
NEXT = {**APP, "app.py": b"print(2)" * 400}


class SelfStarting(Board):
    """A board whose reset is noticed; a test starts it."""

    def reset(self) -> None:
        self.resets += 1


class Updated(Ruled):
    """A board that is updated, and the session of a peer with these grants."""

    def __init__(self, *grants: str, flash: Flash | None = None) -> None:
        super().__init__(*(grants or ("allow in update",)))
        self.place = SelfStarting(flash or Flash())
        self.place.start()
        self.server.updates(self.place)

    async def __aenter__(self) -> Updated:
        self.port = await self.server.listen(HOST)
        self.client = await self.client_bus.connect(HOST, self.port, self.server.public)
        return self

    async def ask(self, word: str, value: object = None) -> object:
        return await self.client.call("dsoftbus/update/" + word, value)

    async def refused(self, code: int, word: str, value: object = None) -> CallError:
        with pytest.raises(CallError) as error:
            await self.ask(word, value)
        assert (error.value.code, error.value.number) == (status.ERROR, code), error.value
        return error.value

    async def put(self, name: str, data: bytes, cut: int | None = None) -> int:
        """Sends a file as a share does; returns how many bytes went. With `cut` no more than so
        many, and the stream is reset."""
        async with await self.client.open("dsoftbus/update") as stream:
            await stream.write(put_header(["put", name, len(data), True]))
            marks = await read_header(stream)
            offset = next((at for at, sha in marks if sha == _sha(data[:at])), 0)
            await stream.write(put_header(offset))
            if cut is not None:
                await stream.write(data[offset:cut])
                await asyncio.sleep(0.05)
                stream.reset()
                return cut - offset
            await stream.write(data[offset:] + _sha(data))
            await stream.finish()
            assert await read_header(stream) == 0
            return len(data) - offset

    async def update(self, version: str, files: Version, **more: object) -> int:
        """A whole one, up to the board's reset; returns the bytes that went."""
        await self.ask("begin", announced("app", version, files, **more))
        sent = await self.put(MANIFEST, manifest(version, files))
        for name in sorted(files):
            sent += await self.put(name, files[name])
        resets = self.place.resets
        await self.ask("commit")
        await until(lambda: self.place.resets > resets)
        return sent

    async def started(self) -> None:
        """The board has started again; its sessions have ended, and there is a new one."""
        self.place.start()
        self.server.begun.clear()
        self.server.updates(self.place)
        await self.client.close()
        self.client = await self.client_bus.connect(HOST, self.port, self.server.public)


def _sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


async def fails(code: int, awaitable) -> None:
    with pytest.raises(BusError) as error:
        await awaitable
    assert error.value.code == code, error.value


def test_an_update_its_trial_its_confirmation_and_the_way_back():
    async def test():
        async with Updated() as board:
            assert (await board.ask("state"))["slot"] == ""
            await board.update("1.0", APP)
            await board.started()
            state = await board.ask("state")
            assert (state["version"], state["slot"], state["trial"]) == ("1.0", "a", True)
            assert state["digest"] == _sha(manifest("1.0", APP)).hex()
            await board.refused(UPDATE_TRIAL, "begin", announced("app", "1.1", NEXT))
            await board.refused(UPDATE_STATE, "confirm", {"version": "1.1"})
            await board.ask("confirm", {"version": "1.0"})
            await board.ask("confirm", {"version": "1.0"})  # its answer may have been lost
            await board.started()
            assert board.place.runs("app") == APP
            await board.refused(UPDATE_SAME, "begin", announced("app", "1.0", APP))
            await board.refused(UPDATE_VERSION, "begin", announced("app", "0.9", NEXT))
            sent = await board.update("1.1", NEXT)
            assert sent == len(NEXT["app.py"]) + len(manifest("1.1", NEXT))  # the rest is copied
            await board.started()
            assert (await board.ask("state"))["other"] == "1.0"
            await board.ask("confirm", {"version": "1.1"})
            await board.ask("rollback", {"track": "app"})
            await until(lambda: board.place.resets == 3)
            await board.started()
            assert board.place.runs("app") == APP
            board.place.start()  # nobody confirmed it
            assert board.place.runs("app") == NEXT

    run(test())


def test_no_way_back_leads_to_a_version_that_came_to_nothing():
    async def test():
        async with Updated() as board:
            await board.update("1.0", APP)
            await board.started()
            await board.ask("confirm", {"version": "1.0"})
            await board.update("1.1", NEXT)
            await board.started()
            await board.started()  # nobody confirmed it
            state = await board.ask("state")
            assert (state["version"], state["failed"], state["other"]) == ("1.0", "1.1", "root")
            await board.ask("rollback", {"track": "app"})
            await until(lambda: board.place.resets == 3)
            await board.started()
            state = await board.ask("state")
            assert (state["slot"], state["trial"]) == ("", True)

    run(test())


def test_a_cut_update_goes_on_where_it_was_and_so_does_another_version():
    async def test():
        async with Updated() as board:
            await board.ask("begin", announced("app", "1", APP))
            await board.put(MANIFEST, manifest("1", APP))
            await board.put("app.py", APP["app.py"], cut=2000)
            await board.started()
            await board.ask("begin", announced("app", "1", APP))
            await board.put(MANIFEST, manifest("1", APP))
            assert await board.put("app.py", APP["app.py"]) == len(APP["app.py"]) - 1536
            await board.started()  # and the updater is back with another version
            sent = await board.update("2", NEXT)
            await board.started()
            assert board.place.runs("app") == NEXT
            assert sent >= len(NEXT["app.py"])

    run(test())


def test_two_updaters_at_once():
    async def test():
        async with Updated() as board:
            second = Updated.__new__(Updated)
            second.client = await board.client_bus.connect(HOST, board.port, board.server.public)
            await board.ask("begin", announced("app", "1", APP))
            await second.refused(UPDATE_BUSY, "begin", announced("app", "2", NEXT))
            await fails(UPDATE_STATE, second.put(MANIFEST, manifest("1", APP)))
            await second.refused(UPDATE_STATE, "commit")
            await board.put(MANIFEST, manifest("1", APP))
            await board.client.close()  # it goes away in the middle
            await until(lambda: len(board.server.connections()) == 1)
            await second.ask("begin", announced("app", "2", NEXT))
            await second.put(MANIFEST, manifest("2", NEXT))
            await second.client.close()

    run(test())


def test_a_silent_updater_loses_its_place():
    async def test():
        async with Updated() as board:
            second = Updated.__new__(Updated)
            second.client = await board.client_bus.connect(HOST, board.port, board.server.public)
            await board.ask("begin", announced("app", "1", APP))
            await board.put(MANIFEST, manifest("1", APP))
            stream = await board.client.open("dsoftbus/update")
            await stream.write(put_header(["put", "app.py", len(APP["app.py"]), True]))
            await read_header(stream)  # and now it says nothing
            now = board.server.now
            board.server.now = lambda: now() + 61000
            await second.ask("begin", announced("app", "2", NEXT))
            await fails(UPDATE_BUSY, stream.read())
            await second.put(MANIFEST, manifest("2", NEXT))
            await second.client.close()

    run(test())


def test_only_what_the_manifest_names_comes_and_only_as_it_says():
    async def test():
        async with Updated() as board:
            begin = announced("app", "1", APP)
            await fails(UPDATE_STATE, board.put("app.py", APP["app.py"]))
            await board.ask("begin", begin)
            await fails(UPDATE_STATE, board.put("app.py", APP["app.py"]))
            await fails(UPDATE_FILE, board.put(MANIFEST, manifest("1", NEXT)))
            await board.put(MANIFEST, manifest("1", APP))
            for name in ("other.py", "../app.py", "/app.py", "app.py/x", "", "pages"):
                await fails(UPDATE_FILE, board.put(name, APP["app.py"]))
            await fails(UPDATE_FILE, board.put("app.py", APP["app.py"][1:]))
            await fails(UPDATE_FILE, board.put("app.py", NEXT["app.py"]))
            await board.refused(UPDATE_FILE, "commit")  # which is not whole
            await fails(UPDATE_MANIFEST, board.put(MANIFEST, b"x" * 40000))
            assert not [path for path in board.place.flash.files if ".." in path]
            board.place.start()
            assert board.place.running("app") == "r"

    run(test())


def test_a_manifest_is_the_one_that_was_announced():
    async def test():
        async with Updated() as board:
            text = manifest("1", APP)
            for change in ({"version": "2"}, {"count": 4}, {"size": 1}):
                await board.ask("begin", {**announced("app", "1", APP), **change})
                await fails(UPDATE_MANIFEST, board.put(MANIFEST, text))
            bad = text.replace(b"pages/a", b"../es/a")
            await board.ask("begin", {**announced("app", "1", APP), "digest": _sha(bad).hex()})
            await fails(UPDATE_MANIFEST, board.put(MANIFEST, bad))
            await board.refused(UPDATE_STATE, "commit")

    run(test())


def test_what_is_no_begin_is_refused():
    async def test():
        async with Updated() as board:
            right = announced("app", "1", APP)
            wrong = [None, [], "x", {}, {**right, "digest": "AB" * 32}, {**right, "digest": "ab"}]
            wrong += [{**right, "digest": 5}, {**right, "digest": b"ab" * 32}]
            wrong += [{**right, "track": track} for track in ("x", None, ["app"])]
            wrong += [{**right, "size": size} for size in (-1, 1 << 31, "1", True, 1.5)]
            wrong += [{**right, "count": count} for count in (0, 257, None)]
            wrong += [{**right, "version": text} for text in ("", "v1", 1, None)]
            wrong += [{**right, "trial_s": seconds} for seconds in (0, 29, 3601, "300")]
            for value in wrong:
                await board.refused(MALFORMED, "begin", value)
            for value in (None, {}, {"track": "x"}):
                await board.refused(MALFORMED, "rollback", value)
            for value in (None, {}, {"version": ""}, {"version": None}):
                await board.refused(UPDATE_STATE, "confirm", value)
            await board.refused(UPDATE_STATE, "rollback", {"track": "app"})
            with pytest.raises(CallError) as error:
                await board.ask("other")
            assert error.value.code == status.NO_METHOD

    run(test())


def test_a_flash_without_room_says_so_and_stays_of_use():
    async def test():
        async with Updated(flash=Flash(room=240)) as board:
            too_large = {"app.py": b"x" * 30000}
            await board.refused(UPDATE_NO_SPACE, "begin", announced("app", "1", too_large))
            many = {f"{n}.py": b"x" for n in range(200)}  # small, but a block each
            await board.ask("begin", announced("app", "1", many))
            await fails(UPDATE_NO_SPACE, board.put(MANIFEST, manifest("1", many)))
            await board.update("1", {"app.py": b"y" * 900})
            await board.started()
            assert board.place.runs("app") == {"app.py": b"y" * 900}

    run(test())


def test_nobody_updates_without_the_word():
    async def test():
        for grants in (("allow both *",), ("allow in call/*", "allow in dsoftbus/*")):
            async with Updated(*grants) as board:
                for word in ("state", "begin", "commit", "confirm", "rollback"):
                    with pytest.raises(CallError) as error:
                        await board.ask(word, announced("app", "1", APP))
                    assert error.value.code == status.DENIED
                with pytest.raises(BusError) as refusal:
                    await board.put(MANIFEST, manifest("1", APP))
                assert refusal.value.code in (OUTSIDE_ACL, NOT_PAIRED)
                assert not board.place.flash.files

    run(test())


def test_garbage_on_a_stream_ends_it_and_nothing_else():
    async def test():
        async with Updated() as board:
            await board.ask("begin", announced("app", "1", APP))
            for data in (b"\0\0", b"\xff\xff", b"\0\1\xff", put_header(["get", "app.py", []])):
                async with await board.client.open("dsoftbus/update") as stream:
                    await stream.write(data)
                    with pytest.raises(BusError):
                        await stream.read()
            await board.put(MANIFEST, manifest("1", APP))

    run(test())
