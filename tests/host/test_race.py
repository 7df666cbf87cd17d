"""One of several addresses of a host: attempts that are staggered by a clock of the test."""

import asyncio
import errno
import os
import socket

import pytest

from dsoftbus.errors import (
    DECRYPT_FAILED,
    END_HANDSHAKE_TIMEOUT,
    END_LINK_DOWN,
    LocalError,
    PeerError,
)
from dsoftbus_host.clock import now_ms
from dsoftbus_host.links.race import STAGGER_S, Race
from dsoftbus_host.links.resolver import addresses, interleaved, written
from portable import TIMEOUT_S

V4 = [(socket.AF_INET, (f"192.0.2.{n}", 80)) for n in range(1, 4)]
V6 = [(socket.AF_INET6, (f"2001:db8::{n}", 80, 0, 0)) for n in range(1, 4)]
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


class Prize:
    """The outcome of an attempt."""

    def __init__(self, address):
        self.address = address
        self.closed = 0

    async def close(self):
        self.closed += 1


class Course:
    """A race whose attempts end when the test says so, and whose clock is the test's."""

    def __init__(self):
        self.race = Race("several", 80, now_ms() + 10_000, self._pause)
        self.begun = []
        self.cancelled = []
        self.ends = {}
        self.pauses = []
        self.prizes = []

    async def _pause(self, seconds):
        assert seconds == STAGGER_S
        self.pauses.append(asyncio.get_running_loop().create_future())
        await self.pauses[-1]

    async def attempt(self, _family, address):
        self.begun.append(address)
        end = self.ends[address] = asyncio.get_running_loop().create_future()
        try:
            if await end == "hold":
                await self.race.hold()
                end = self.ends[address] = asyncio.get_running_loop().create_future()
                await end
        except asyncio.CancelledError:
            self.cancelled.append(address)
            raise
        self.prizes.append(Prize(address))
        return self.prizes[-1]

    async def settle(self):
        """All that can happen without a clock and the network, has."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def later(self):
        """The time between two attempts passes."""
        self.pauses[-1].set_result(None)
        await self.settle()

    async def end(self, address, result):
        if isinstance(result, Exception):
            self.ends[address].set_exception(result)
        else:
            self.ends[address].set_result(result)
        await self.settle()


def on(places, story):
    """Runs `story(course, running)` on a race to `places`."""

    async def main():
        course = Course()
        running = asyncio.ensure_future(course.race.among(places, course.attempt))
        await course.settle()
        await story(course, running)

    asyncio.run(asyncio.wait_for(main(), TIMEOUT_S))


def test_families_take_turns_and_the_first_one_begins():
    assert interleaved([*V6, *V4[:2]]) == [V6[0], V4[0], V6[1], V4[1], V6[2]]
    assert interleaved([V4[0], V4[0], *V6[:2]]) == [V4[0], V6[0], V6[1]]
    assert interleaved(V4) == V4
    assert interleaved([]) == []


def test_an_address_alone_needs_no_clock():
    async def story(course, running):
        await course.end(V4[0][1], "reached")
        assert (await running).address == V4[0][1]
        assert course.pauses == []

    on(V4[:1], story)


def test_the_next_begins_when_its_time_has_come_and_the_first_that_answers_wins():
    async def story(course, running):
        assert course.begun == [V6[0][1]]
        await course.later()
        assert course.begun == [V6[0][1], V4[0][1]]
        await course.end(V4[0][1], "reached")
        assert (await running).address == V4[0][1]
        assert course.cancelled == [V6[0][1]]
        assert [prize.closed for prize in course.prizes] == [0]

    on([V6[0], V4[0], V4[1]], story)


def test_after_a_failure_the_next_begins_at_once():
    async def story(course, running):
        await course.end(V4[0][1], REFUSED)
        assert course.begun == [V4[0][1], V4[1][1]]
        await course.end(V4[1][1], "reached")
        assert (await running).address == V4[1][1]

    on(V4, story)


def test_of_two_that_answer_together_one_is_closed():
    async def story(course, running):
        await course.later()
        for address in (V4[0][1], V4[1][1]):
            course.ends[address].set_result("reached")
        await course.settle()
        kept = await running
        other = next(prize for prize in course.prizes if prize is not kept)
        assert (kept.closed, other.closed) == (0, 1)

    on(V4[:2], story)


def test_where_the_peer_answers_no_other_is_tried_until_it_fails():
    async def story(course, running):
        await course.later()
        await course.end(V4[1][1], "hold")
        assert course.cancelled == [V4[0][1]]
        assert course.begun == [V4[0][1], V4[1][1]]
        assert all(pause.done() for pause in course.pauses)
        await course.end(V4[1][1], PeerError(END_LINK_DOWN))
        assert course.begun[2:] == [V4[0][1]]  # before the third: it was on its way
        await course.end(V4[0][1], "reached")
        assert (await running).address == V4[0][1]

    on(V4, story)


def test_the_error_lists_what_was_tried():
    async def story(course, running):
        await course.end(V6[0][1], REFUSED)
        await course.end(V4[0][1], PeerError(END_LINK_DOWN, "No route to host"))
        with pytest.raises(PeerError) as caught:
            await running
        assert caught.value.code == END_LINK_DOWN
        refused = "tried [2001:db8::1]:80: Connection refused, 192.0.2.1:80: No route to host"
        assert f"several:80 ({refused})" in str(caught.value)

    on([V6[0], V4[0]], story)


def test_a_peer_that_says_no_is_the_error_whoever_else_is_silent():
    async def story(course, running):
        await course.end(V4[0][1], PeerError(DECRYPT_FAILED))
        await course.end(V4[1][1], REFUSED)
        with pytest.raises(PeerError) as caught:
            await running
        assert caught.value.code == DECRYPT_FAILED

    on(V4[:2], story)


def test_one_that_never_answers_is_the_error_of_a_handshake():
    async def story(course, running):
        await course.end(V4[0][1], PeerError(END_HANDSHAKE_TIMEOUT, "", DECRYPT_FAILED))
        await course.end(V4[1][1], REFUSED)
        with pytest.raises(PeerError) as caught:
            await running
        assert (caught.value.code, caught.value.peer_code) == (
            END_HANDSHAKE_TIMEOUT,
            DECRYPT_FAILED,
        )
        assert "192.0.2.1:80: no answer, 192.0.2.2:80: Connection refused" in str(caught.value)

    on(V4[:2], story)


def test_looking_up_a_name_takes_no_longer_than_the_call(monkeypatch):
    async def main():
        async def never(*_arguments, **_options):
            await asyncio.get_running_loop().create_future()

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
        with pytest.raises(PeerError) as caught:
            await Race("slow", 80, now_ms()).run(Course().attempt)
        assert caught.value.code == END_HANDSHAKE_TIMEOUT

    asyncio.run(asyncio.wait_for(main(), TIMEOUT_S))


def test_no_address_is_an_error():
    async def main():
        with pytest.raises(OSError, match="no address"):
            await Race("none", 80, now_ms()).among([], Course().attempt)

    asyncio.run(main())


@pytest.mark.parametrize("steps", range(3))
def test_a_race_that_is_cancelled_leaves_nothing(steps):
    async def story(course, running):
        for _ in range(steps):
            await course.later()
        running.cancel()
        await asyncio.wait([running])
        assert sorted(course.cancelled) == sorted(course.begun)
        assert str(course.race).count("192.0.2.") == (steps + 1 if steps else 0)

    on(V4, story)


def test_literal_addresses_keep_their_zone_and_need_no_resolver():
    async def main():
        number = socket.if_nametoindex("lo")
        assert await addresses("fe80::1%lo", 80) == [(socket.AF_INET6, ("fe80::1", 80, 0, number))]
        assert await addresses("127.0.0.1", 80) == [(socket.AF_INET, ("127.0.0.1", 80))]
        assert await addresses("0::1", 80) == [(socket.AF_INET6, ("::1", 80, 0, 0))]
        assert written(("fe80::1", 80, 0, number)) == "[fe80::1%lo]:80"
        assert written(("fe80::1", 80, 0, 999999)) == "[fe80::1%999999]:80"
        assert written(("::1", 80, 0, 0)) == "[::1]:80"
        for host in ("fe80::1", "febf::1"):
            with pytest.raises(LocalError, match="with its interface"):
                await addresses(host, 80)
        with pytest.raises(LocalError, match="this machine has no interface none"):
            await addresses("fe80::1%none", 80)

    asyncio.run(main())
