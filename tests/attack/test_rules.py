"""An owner's grants, denials and revocations hold, whatever the peer does meanwhile."""

import pytest

from attack import rules
from attack.crowd import BIG
from attack.meter import FolderWatch
from attack.owner import Owner, at_once, run, store_with
from attack.victim import BOTH
from attack.wire import public_of
from dsoftbus.const import HOST
from dsoftbus.identity import device_id
from dsoftbus.trust.store_text import decode
from support import Random

SECRET, OTHER = Random(301)(32), Random(302)(32)
PUBLIC = public_of(SECRET)
both = pytest.mark.parametrize("kind", BOTH, ids=lambda kind: kind.kind)


@pytest.fixture
def owned(tmp_path):
    """`owned(kind, *peers)`: a running victim with this trust store, and its owner."""

    def make(kind, *peers, **more):
        folder = tmp_path / "node"
        folder.mkdir()
        trust = store_with(folder / "trust.json", *peers, **more)
        return Owner(kind, tmp_path / "served", trust)

    return make


@both
def test_an_unpaired_peer_has_nothing_of_what_it_was_allowed(owned, kind):
    with owned(kind, (PUBLIC, "attic", ["allow in clock"])) as owner:
        owner.allow("attic", "echo")
        owner.unpair("attic")
        owner.until_gone(PUBLIC)
        assert not rules.Served(owner.victim, secret=SECRET).run().effects


@both
def test_a_rule_follows_a_peer_that_moves_its_key(owned, kind):
    denied = f"deny both {device_id(PUBLIC)} echo"
    with owned(kind, (PUBLIC, "attic", ["allow both *"]), rules=(denied,)) as owner:
        attack = rules.ByNextKey(owner.victim, secret=SECRET)
        assert not attack.run().effects
        assert attack.moved  # else nothing was tried


@both
def test_a_name_that_is_the_beginning_of_anothers_id_means_its_bearer(owned, kind):
    imitator = rules.ground("hu")
    peers = (PUBLIC, "hu", ["allow in clock"]), (public_of(imitator), "x", ["allow in clock"])
    with owned(kind, *peers) as owner:
        owner.allow("hu", "echo")
        attack = rules.Served(owner.victim, secret=imitator)
        owner.unpair("hu")
        owner.until_gone(PUBLIC)
        assert device_id(public_of(imitator)) in owner.victim.report()["trusted"]
        assert not attack.run().effects


@both
@pytest.mark.parametrize("attacker", [rules.NextFlood, rules.SameNext])
def test_next_keys_cost_few_writes_and_multiplications(owned, kind, attacker):
    with (
        owned(kind, (PUBLIC, "attic", ["allow both *"])) as owner,
        FolderWatch(owner.trust.parent) as watch,
    ):
        attack = attacker(owner.victim, secret=SECRET)
        watch.counts()
        cost = attack.run()
        sessions = len(attack._peers)
        written = watch.counts().get(owner.trust.name, 0)
    assert attack.taken
    assert written <= 2 * 4  # a file that takes the place of another is two notices
    assert cost.multiplications <= 4 * sessions + 2 * 4


@both
def test_revocation_wins_while_the_store_is_saved(owned, kind):
    with owned(kind, (PUBLIC, "attic", ["allow both *"])) as owner:
        attack = rules.StaysWhileRevoked(owner.victim, secret=SECRET)

        def revoke():
            owner.unpair("attic")
            owner.until_gone(PUBLIC)
            attack.over = True

        assert not at_once(attack.attack, revoke)
        attack.come_back()
        assert not attack.run().effects
        owner.until_gone(PUBLIC)
    assert decode(owner.trust.read_text(), HOST).get(device_id(PUBLIC)) is None


def test_revocation_ends_what_is_under_way(owned, tmp_path):
    (kind, _) = BOTH  # the other node's console serves no files
    with owned(kind, (PUBLIC, "attic", ["allow both *"])) as owner:
        (owner.victim.folder / BIG).write_bytes(bytes(rules.BIG_BYTES))
        attack = rules.FetchesWhileRevoked(owner.victim, secret=SECRET)
        attack.revoke = lambda: (owner.unpair("attic"), owner.until_gone(PUBLIC))
        assert not attack.run().effects


def test_six_commands_at_once_all_have_their_effect(tmp_path):
    peers = [(public_of(Random(i)(32)), f"peer{i}", ["allow both *"]) for i in range(6)]
    trust = store_with(tmp_path / "trust.json", *peers)
    commands = [("unpair", f"peer{i}", "--trust", trust) for i in range(3)]
    commands += [("allow", f"peer{3 + i}", "echo", "--trust", trust) for i in range(3)]
    assert not at_once(*[lambda words=words: run(*words) for words in commands])
    store = decode(trust.read_text(), HOST)
    assert sorted(entry.name for entry in store) == ["peer3", "peer4", "peer5"]
    assert len(store.rules) == 3


def test_a_node_keeps_what_it_knows_while_its_store_is_written_by_others(owned):
    (kind, _) = BOTH
    with owned(kind, (PUBLIC, "attic", ["allow both *"])) as owner:
        whole = owner.trust.read_text()
        swap = owner.trust.with_name(".trust.json.swp")
        swap.write_text("an editor's")
        owner.trust.write_text(whole[: len(whole) // 2])
        run("peers", "--trust", owner.trust)
        assert rules.Served(owner.victim, secret=SECRET).run().effects  # it is served
        owner.trust.write_text(whole)
        assert rules.Served(owner.victim, secret=SECRET).run().effects
        assert swap.read_text() == "an editor's"
        assert device_id(PUBLIC) in owner.victim.report()["trusted"]
