"""One update of one peer: each way to its end, cuts at every step, waits that have an end."""

import asyncio
import functools
import itertools
import types

import pytest

from dsoftbus.errors import (
    END_LINK_DOWN,
    MALFORMED,
    NOT_PAIRED,
    OUTSIDE_ACL,
    STREAM_REFUSED,
    UPDATE_FILE,
    LocalError,
    PeerError,
)
from dsoftbus.service import status
from dsoftbus.service.status import CallError
from dsoftbus_host.update import fleet
from dsoftbus_host.update import one_update as steps
from dsoftbus_host.update.one_update import Job, OneUpdate
from dsoftbus_host.update.payload import APP, Payload
from updated_peer import START_S, TRIAL_S, Time, UpdatedPeer, put, run

FILES = {"app.py": b"print(1)", "lib/a.py": b"a" * 1000, "lib/b.py": b"b" * 2000}


def new(version: str = "2.0", named: bool = True, **files: bytes) -> Payload:
    return Payload(APP, version, named, FILES | files)


def with_version(payload: Payload, **more) -> UpdatedPeer:
    """A peer that has a version, confirmed."""
    peer = UpdatedPeer(**more)
    peer.slots["a"].files = {"manifest.json": payload.manifest(), **payload.files}
    peer.active = "a"
    return peer


def updated(peer: UpdatedPeer, payload: Payload | None, **job) -> OneUpdate:
    """The update, at its end."""

    async def main() -> OneUpdate:
        seen = []
        made = Job(None if payload is None else lambda _: payload, put, APP, **job)
        update = OneUpdate("hall", lambda: peer, Time(), made, lambda one: seen.append(one.step))
        await update.run()
        update.seen = [step for step, _ in itertools.groupby(seen)]
        return update

    return run(main())


def ended(update: OneUpdate, step: str, label: str | None = None) -> bool:
    assert (update.step, update.error and update.error.label) == (step, label), update.error
    return True


def test_an_update_goes_from_step_to_step():
    peer = UpdatedPeer()
    update = updated(peer, new())
    assert ended(update, steps.UPDATED)
    assert update.seen == [
        *(steps.REACHING, steps.SENDING, steps.CHECKING, steps.RESTARTING, steps.UPDATED)
    ]
    assert (update.before, update.version) == ("root", "2.0")
    assert update.done == update.size == 3008
    assert peer.active == "a" and not peer.trial and peer.closed
    assert peer.wish == {
        "track": "app",
        "version": "2.0",
        "size": 3008,
        "count": 3,
        "force": False,
        "digest": new().digest(),
        "trial_s": 300,
    }


def test_only_what_differs_goes():
    peer = with_version(new("1.0"))
    assert ended(updated(peer, new(**{"app.py": b"print(2)"})), steps.UPDATED)
    assert peer.sent == ["manifest.json", "app.py"]


@pytest.mark.parametrize("named", [True, False])
def test_a_peer_that_has_it_is_left_alone(named):
    peer = with_version(new("2.0"))
    update = updated(peer, new("2.0" if named else "3.0", named))
    assert ended(update, steps.SAME)
    assert update.version == "2.0" and not peer.sent and not peer.said["begin"]


def test_the_same_files_get_another_version_where_a_person_says_so():
    peer = with_version(new("2.0"))
    assert ended(updated(peer, new("2.1")), steps.UPDATED)
    assert peer.slots[peer.active].version == "2.1"
    assert peer.sent == ["manifest.json"]


def test_a_version_that_is_of_no_use_is_taken_back():
    peer = with_version(new("1.0"), broken=("2.0",))
    update = updated(peer, new())
    assert ended(update, steps.WENT_BACK, "update.taken_back")
    assert update.error.detail == "not confirmed"
    assert peer.slots[peer.active].version == "1.0"


def test_a_mended_version_follows_one_that_failed():
    peer = with_version(new("1.0"), broken=("2.0",))
    peer.failed = "2.0"
    peer.broken = ()
    assert ended(updated(peer, new()), steps.UPDATED)


# Cuts


WORDS = ("state", "begin", "put", "commit", "confirm")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("nth", range(4))
def test_a_cut_at_any_step_costs_nothing_but_time(word, when, nth):
    peer = with_version(new("1.0", **{"app.py": b"old"}), faults={(word, nth): when})
    assert ended(updated(peer, new(**{"lib/b.py": b"new"})), steps.UPDATED)
    assert peer.slots[peer.active].version == "2.0" and not peer.trial
    assert sorted(set(peer.sent)) == ["app.py", "lib/b.py", "manifest.json"]
    assert peer.sent.count("app.py") + peer.sent.count("lib/b.py") == 2


@pytest.mark.parametrize("word", WORDS)
def test_cuts_without_end_end(word):
    faults = {(word, nth): "before" for nth in range(10_000)}
    update = updated(with_version(new("1.0"), faults=faults), new())
    assert update.step in (steps.FAILED, steps.WENT_BACK), update.step
    assert update.error.label in ("call.unknown", "update.taken_back")


def test_a_cut_at_each_of_many_files_goes_on_as_long_as_bytes_go():
    files = {f"f{i:02}.py": bytes([i]) * 100 for i in range(40)}
    peer = UpdatedPeer({("put", nth): "after" for nth in range(2, 400, 3)})
    assert ended(updated(peer, new(**files)), steps.UPDATED)
    assert peer.said["begin"] > 20


def test_a_peer_that_has_lost_a_file_gets_all_again():
    lost = PeerError(UPDATE_FILE, "app.py")
    peer = UpdatedPeer({("commit", 0): lost})
    assert ended(updated(peer, new()), steps.UPDATED)
    assert peer.said["put"] == 8
    peer = UpdatedPeer({("commit", nth): lost for nth in range(100)})
    assert ended(updated(peer, new()), steps.FAILED, "update.file")


def test_a_restart_that_nobody_asked_for_is_a_cut():
    peer = with_version(new("1.0"))

    async def main():
        job = Job(lambda _: new(), put, APP)
        update = OneUpdate("hall", lambda: peer, Time(), job, lambda one: None)
        task = asyncio.ensure_future(update.run())
        while update.step != steps.SENDING:
            await asyncio.sleep(0.001)
        peer.restart()
        await task
        return update

    assert ended(run(main()), steps.UPDATED)


# The updater ends, and comes again


@pytest.mark.parametrize("step", [steps.REACHING, steps.SENDING, steps.CHECKING, steps.RESTARTING])
@pytest.mark.parametrize("named", [True, False])
def test_an_updater_that_was_stopped_goes_on_when_it_comes_again(step, named):
    peer = with_version(new("1.0", **{"app.py": b"old"}))

    async def main():
        first = OneUpdate(
            "hall", lambda: peer, Time(), Job(lambda _: new(), put, APP), lambda one: None
        )
        task = asyncio.ensure_future(first.run())
        while first.step != step:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert first.step == steps.STOPPED
        again = new("2.0" if named else "3.0", named)
        second = OneUpdate(
            "hall", lambda: peer, Time(), Job(lambda _: again, put, APP), lambda one: None
        )
        await second.run()
        return second

    assert ended(run(main()), steps.UPDATED)
    assert peer.sent.count("app.py") == 1 and not peer.trial


def test_a_stopped_updater_leaves_a_peer_that_goes_back():
    peer = with_version(new("1.0"))

    async def main():
        job = Job(lambda _: new(), put, APP)
        update = OneUpdate("hall", lambda: peer, Time(), job, lambda one: None)
        task = asyncio.ensure_future(update.run())
        while update.step != steps.RESTARTING:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(TRIAL_S + 2 * START_S)

    run(main())
    assert peer.slots[peer.active].version == "1.0" and not peer.trial


# Refusals


def refused(error: Exception, word: str = "state", **job) -> OneUpdate:
    return updated(UpdatedPeer({(word, 0): error}), new(), **job)


@pytest.mark.parametrize(
    ("error", "label"),
    [
        (CallError(0, "", status.NO_METHOD), "update.none"),
        (CallError(0, "", status.DENIED), "update.not_allowed"),
        (LocalError(OUTSIDE_ACL, "update"), "update.own_rules"),
        (CallError(0x45, "text"), "share.changed"),
        (CallError(1, "text"), "call.error"),
        (PeerError(STREAM_REFUSED), "stream.reset.refused"),
    ],
)
def test_a_refusal_ends_it_at_once(error, label):
    update = refused(error, "begin" if label == "share.changed" else "state")
    assert update.step == steps.FAILED
    assert label == "share.changed" or update.error.label == label


@pytest.mark.parametrize("code", [status.NO_METHOD, status.DENIED])
def test_of_all_peers_those_that_take_no_updates_are_passed_over(code):
    assert ended(refused(CallError(0, "", code), lenient=True), steps.SKIPPED)
    assert refused(CallError(0, "", code), "begin", lenient=True).step == steps.FAILED


class Away(UpdatedPeer):
    """A peer that cannot be reached, for this reason."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.tried = 0

    async def connected(self, timeout_ms: int = 0):
        self.tried += 1
        await asyncio.sleep(timeout_ms / 1000)
        raise self.error


def test_a_peer_that_is_away_is_awaited_for_a_while():
    peer = Away(LocalError(END_LINK_DOWN, "away"))
    assert ended(updated(peer, new()), steps.FAILED, "session.end.link_down")
    assert 5 <= peer.tried <= 20


def test_a_peer_that_refuses_is_not_awaited():
    peer = Away(PeerError(END_LINK_DOWN, "", NOT_PAIRED))
    assert updated(peer, new()).step == steps.FAILED
    assert peer.tried == 1


def test_a_peer_that_does_not_come_back_is_given_up():
    peer = UpdatedPeer()
    peer.restart = functools.partial(peer.restart, 1e9)
    update = updated(peer, new(), trial_s=30)
    assert ended(update, steps.FAILED, "update.no_return")


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        "2.0",
        {"version": 2},
        {"version": "1", "trial": 1},
        {"free": "all"},
        {"version": None},
    ],
)
def test_a_state_that_makes_no_sense_ends_it(state):
    peer = UpdatedPeer()
    peer.answer = lambda name, value: state
    update = updated(peer, new())
    assert update.step == steps.FAILED and update.error.code == MALFORMED


def test_a_peer_that_takes_no_more_of_a_file_is_given_up():
    async def stuck(connection, data, name, progress):
        await asyncio.sleep(1e9)

    async def main():
        job = Job(lambda _: new(), stuck, APP)
        update = OneUpdate("hall", UpdatedPeer, Time(), job, lambda one: None)
        await update.run()
        return update

    assert ended(run(main()), steps.FAILED, "update.stalled")


def test_a_peer_that_never_restarts_is_given_up():
    peer = UpdatedPeer()
    peer.restart = lambda *_: None
    assert ended(updated(peer, new()), steps.FAILED, "update.no_return")


# Rollback


def test_a_rollback_takes_the_other_version():
    peer = with_version(new("2.0"))
    peer.slots["b"].files = {"manifest.json": new("1.0").manifest(), **FILES}
    update = updated(peer, None)
    assert ended(update, steps.UPDATED)
    assert (update.before, update.version) == ("2.0", "1.0")
    assert peer.active == "b" and not peer.trial


def test_a_rollback_needs_another_version():
    assert ended(updated(UpdatedPeer(), None), steps.FAILED, "update.no_other")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("word", ["state", "rollback", "confirm"])
def test_a_cut_rollback_goes_on(word, when):
    peer = with_version(new("2.0"), faults={(word, 0): when})
    peer.slots["b"].files = {"manifest.json": new("1.0").manifest(), **FILES}
    assert ended(updated(peer, None), steps.UPDATED)
    assert peer.active == "b" and not peer.trial


# Several


class Count:
    """Updates that say how many are under way; each is a number."""

    def __init__(self) -> None:
        self.under_way = self.most = 0
        self.begun = []

    async def run(self, number: int) -> None:
        self.begun.append(number)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(1 + number % 3)
        self.under_way -= 1


@pytest.mark.parametrize(("count", "at_a_time"), [(10, 4), (3, 4), (5, 1), (0, 4)])
def test_so_many_run_at_a_time_and_in_their_order(count, at_a_time):
    seen = Count()
    each = (functools.partial(seen.run, number) for number in range(count))
    run(fleet.run([types.SimpleNamespace(run=one) for one in each], at_a_time))
    assert seen.begun == list(range(count))
    assert seen.most == min(count, at_a_time)


def test_those_that_have_not_begun_stay_so_when_it_is_stopped():
    peers = [UpdatedPeer() for _ in range(3)]
    job = Job(lambda _: new(), put, APP)
    dials = [lambda peer=peer: peer for peer in peers]
    updates = [OneUpdate("hall", dial, Time(), job, lambda one: None) for dial in dials]

    async def main():
        task = asyncio.ensure_future(fleet.run(updates, 2))
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(main())
    assert [one.step for one in updates] == [steps.STOPPED, steps.STOPPED, steps.WAITING]
