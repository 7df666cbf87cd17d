"""A node that waits for a peer to pair with is not kept from it by strangers."""

import pytest

from attack import pairing
from attack.owner import at_once, run, store_with
from attack.victim import BOTH, HostVictim, MicroPythonVictim
from dsoftbus_host.discovery.interfaces import LOOPBACK
from free_ports import free_port


def waiting(kind, folder, port: int):
    """A victim that takes pairings, as a person starts it."""
    files = ("--key", folder / "own.key", "--trust", folder / "own.trust")
    if kind is HostVictim:
        where = ("--interface", "127.0.0.1/8", "--discovery-port", port)
        return HostVictim.running(folder, "pair", *files, *where)
    where = ("--host", "127.0.0.1", "--broadcast", LOOPBACK.broadcast, "--discovery", port)
    return MicroPythonVictim.running(folder, "node", "--name", "waiting", *files, *where)


def agree(victim) -> None:
    """The person at the victim compares the digits."""
    if isinstance(victim, HostVictim):
        victim.until("shows the same six digits")
        victim.say("y")
        victim.until("paired with")
    else:
        shown = victim.until("digits ").split()
        victim.say(f"yes {shown[1]}")
        victim.until("paired ")


@pytest.mark.parametrize("kind", BOTH, ids=lambda kind: kind.kind)
def test_strangers_do_not_end_the_wait_for_a_peer(kind, tmp_path):
    port = free_port()
    folder = tmp_path / "node"
    folder.mkdir()
    with waiting(kind, folder, port) as victim:
        if kind is MicroPythonVictim:
            victim.say("open")
        for attacker in pairing.FEW:
            assert not attacker(victim).run().effects
        own = ("--key", tmp_path / "peer.key", "--trust", tmp_path / "peer.trust")
        where = ("--interface", "127.0.0.1/8", "--discovery-port", port)

        def peer():
            assert "paired with" in run("pair", victim.id, *own, *where, text="y\n")

        assert not at_once(peer, lambda: agree(victim))
        if kind is HostVictim:  # it has done what it was started for
            victim.has_ended()


def test_strangers_leave_when_pairings_are_taken_no_more(victim_of, tmp_path):
    victim = victim_of(trust=str(store_with(tmp_path / "trust.json")))
    assert not pairing.Lingerer(victim).run().effects


@pytest.mark.parametrize("kind", BOTH, ids=lambda kind: kind.kind)
def test_no_stranger_pairs_by_itself(kind, tmp_path):
    """The node waits on and trusts nobody, whatever they say."""
    folder = tmp_path / "node"
    folder.mkdir()
    with waiting(kind, folder, free_port()) as victim:
        if kind is MicroPythonVictim:
            victim.say("open")
        for attacker in pairing.PESTERERS:
            assert not attacker(victim).run().effects
        assert not victim.report()["trusted"]
