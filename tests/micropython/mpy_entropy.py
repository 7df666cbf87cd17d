"""Random bytes out of hardware noise: health tests, generator, and closing for good."""

import os
import sys

from noise import Dying, Sound, broken, noise, stuck, three

from dsoftbus.errors import ENTROPY_UNAVAILABLE
from dsoftbus_mpy import entropy
from dsoftbus_mpy.noise_source import conditioner, drbg, health_tests
from dsoftbus_mpy.noise_source.conditioner import Generator
from dsoftbus_mpy.noise_source.drbg import Drbg
from dsoftbus_mpy.noise_source.health_tests import Health
from support import Random, raises

NOWHERE = "/no/such/folder/seed"  # where no seed is kept
SECRET = bytes.fromhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")


OFF = 1 << 20  # a cutoff that is never reached


def failure_of(test: Health, samples) -> tuple:
    """(how many samples passed, the test that the next one failed)."""
    passed = 0
    for sample in samples:
        failure = test.failure(sample)
        if failure:
            return passed, failure
        passed += 1
    return passed, ""


# The tests of SP 800-90B


def test_a_repetition_is_found_at_its_cutoff():
    for cutoff in (21, 161):
        sound = [1, 2] + [3] * (cutoff - 1)
        passed = len(sound)
        assert failure_of(Health(cutoff, 512, 512), sound + [4] * 9) == (passed + 9, "")
        assert failure_of(Health(cutoff, 512, 512), sound + [3]) == (passed, "repetition count")


def test_repetitions_do_not_add_up_over_other_samples():
    samples = ([1] * 20 + [2]) * 50
    assert failure_of(Health(21, 1024, 1024), samples) == (len(samples), "")


def test_a_proportion_is_found_at_its_cutoff():
    others = [2, 3] * 100
    below = [1] * 310 + others
    assert failure_of(Health(OFF, 311, 512), below) == (510, "")
    assert failure_of(Health(OFF, 311, 512), below + [2, 3, 1]) == (513, "")  # a new window began
    assert failure_of(Health(OFF, 311, 512), below + [1]) == (510, "adaptive proportion")


def test_a_proportion_is_counted_in_windows():
    """310 of one window and 310 of the next are no failure; the first sample decides which."""
    window = [1] * 310 + [2, 3] * 101
    assert failure_of(Health(OFF, 311, 512), window * 4) == (2048, "")
    late = [9] + [1] * 511
    assert failure_of(Health(OFF, 311, 512), late) == (512, "")
    passed, failure = failure_of(Health(OFF, 311, 512), late + [1] * 311)
    assert (passed, failure) == (512 + 310, "adaptive proportion")


def test_a_biased_bit_is_found():
    random = Random(5)
    biased = [int(random.bits16() % 64 == 0) for _ in range(20000)]  # 0 in 63 of 64
    passed, failure = failure_of(Health(*health_tests.BIT[1:]), biased)
    assert failure and passed < 3000
    fair = [random.bits16() & 1 for _ in range(20000)]
    assert failure_of(Health(*health_tests.BIT[1:]), fair) == (20000, "")


def test_sound_sources_pass_for_long():
    for kind, mask in ((health_tests.BIT, 1), (health_tests.READING, 3), (health_tests.BYTE, 255)):
        random = Random(6)
        samples = [random.bits16() & mask for _ in range(30000)]
        assert failure_of(Health(*kind[1:]), samples) == (30000, "")


def test_a_test_allocates_nothing():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        return  # CPython
    test, samples = Health(*health_tests.BYTE[1:]), bytes(range(256)) * 2
    n = 0
    heap_lock()
    while n < 512:
        test.failure(samples[n])
        n += 1
    heap_unlock()


# The generator


def test_the_generator_gives_the_published_bytes():
    """RFC 6979 section A.2.5 draws its k from HMAC_DRBG (its section 3.3): SHA-256, "sample"."""
    import hashlib

    digest = hashlib.sha256(b"sample").digest()
    k = Drbg(SECRET + digest).generate(32)
    assert k == bytes.fromhex("A6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60")
    digest = hashlib.sha256(b"test").digest()
    k = Drbg(SECRET + digest).generate(32)
    assert k == bytes.fromhex("D16B6AE827F17175E040871A1C7EC3500192C4C92677336EC2537ACAEE0008E0")


def test_the_generator_gives_as_many_bytes_as_asked_for():
    for n in (0, 1, 31, 32, 33, 100):
        assert len(Drbg(b"seed").generate(n)) == n
    assert Drbg(b"seed").generate(100)[:32] == Drbg(b"seed").generate(32)


def test_the_generator_forgets_what_it_gave():
    drbg = Drbg(b"seed")
    before = drbg._key, drbg._value
    drbg.generate(32)
    assert drbg._key != before[0] and drbg._value != before[1]


def test_a_new_seed_changes_the_stream():
    one, other = Drbg(b"seed"), Drbg(b"seed")
    assert one.generate(8) == other.generate(8)
    other.reseed(b"fresh")
    assert one.generate(8) != other.generate(8)


# All together


def test_random_bytes_are_what_was_asked_for():
    random = Generator(three(), NOWHERE)
    for n in (0, 1, 32, 100):
        assert len(random(n)) == n
    assert random(32) != random(32)


def test_each_source_matters():
    streams = {Generator(three(), NOWHERE)(16)}
    for at in range(3):
        changed = [None, None, None]
        changed[at] = Sound(77)
        streams.add(Generator(three(*changed), NOWHERE)(16))
    streams.add(Generator(three(), NOWHERE, b"another board")(16))
    assert len(streams) == 5
    assert Generator(three(), NOWHERE)(16) in streams  # and nothing else does


def test_fresh_noise_comes_in_again_and_again():
    """Two that begin alike part once one has had other noise, within the promised requests."""

    class Parting(Sound):
        def __call__(self):
            self.left -= 1
            return super().__call__() ^ (self.left < 0)

    parting = Parting(1)
    parting.left = 2000
    one, other = Generator(three(), NOWHERE), Generator(three(parting), NOWHERE)
    same = 0
    while one(8) == other(8):
        same += 1
        assert same < 200
    assert same > 30


def starts_with(sources) -> None:
    """Such sources are refused at the start, and for good."""
    random = Generator(sources, NOWHERE)
    for n in (0, 1, 32):
        raises(ENTROPY_UNAVAILABLE, random, n)
    assert random._drbg is None


def test_what_is_dead_at_the_start_is_never_asked():
    for dead in (stuck, broken):
        starts_with(three(dead))
        starts_with(three(None, dead))
        starts_with(three(dead, None, dead))
        starts_with(three(dead, dead, dead))
        starts_with([noise("a", dead)])


def test_the_first_1024_samples_are_tested_before_a_byte_is_given():
    for kind in (health_tests.BIT, health_tests.READING, health_tests.BYTE):
        for last in (0, 512, 1023):
            starts_with([noise("a", Dying(1, last, broken), kind), noise("b", Sound(2), kind)])


def test_the_failure_names_source_and_test():
    error = raises("local.entropy_unavailable", Generator(three(None, stuck), NOWHERE), 1)
    assert error.detail == "b: repetition count"
    error = raises("local.entropy_unavailable", Generator(three(None, None, broken), NOWHERE), 1)
    assert error.detail == "c: " + repr(OSError(5))


def until_closed(random) -> int:
    """Returns how many requests it still answers."""
    answered = 0
    while not random.failure:
        assert answered < 1000
        try:
            random(4)
            answered += 1
        except Exception as error:  # noqa: BLE001 - whichever comes, it must be the one
            assert error.code == ENTROPY_UNAVAILABLE, error
    raises(ENTROPY_UNAVAILABLE, random, 4)
    return answered


def test_what_dies_later_closes_it_then():
    for after in (stuck, broken):
        dying = Dying(2, 1024 + 300, after)
        random = Generator(three(None, dying), NOWHERE)
        answered = until_closed(random)
        assert 300 // 16 <= answered <= 300 // 16 + 2, answered
        dying.left = 1 << 20  # it has come back: too late
        raises(ENTROPY_UNAVAILABLE, random, 4)


def test_a_source_that_becomes_biased_closes_it():
    chance = Random(11)

    def biased() -> int:
        return 7 if chance.bits16() & 3 else chance.bits16() & 0xFF  # 7 three times in four

    random = Generator(three(Dying(1, 1024 + 100, biased)), NOWHERE)
    answered = until_closed(random)
    assert answered < (100 + 4 * 512) // 16  # a window that begins with another value says nothing
    assert random.failure in ("a: adaptive proportion", "a: repetition count")


def test_no_memory_in_the_middle_of_it_repeats_nothing():
    """At any of its calculations; what is given afterwards is as good as before."""
    whole = drbg.SHA256.hmac
    left = [0]

    def hmac(key, data):
        left[0] -= 1
        if left[0] == 0:
            raise MemoryError
        return whole(key, data)

    for at in range(1, 16):
        random, given, failed = Generator(three(), NOWHERE), [], 0
        drbg.SHA256.hmac, left[0] = hmac, at
        try:
            while len(given) < 6:
                try:
                    given.append(random(40))
                except MemoryError:
                    failed += 1
        finally:
            drbg.SHA256.hmac = whole
        assert failed == 1
        assert len({data[n : n + 8] for data in given for n in range(0, 40, 8)}) == 30


def test_two_of_three_that_die_close_it_too():
    random = Generator(three(None, Dying(2, 1100, stuck), Dying(3, 1100, broken)), NOWHERE)
    assert until_closed(random) <= 6


def test_no_memory_is_not_a_failed_source():
    full = [True]

    def sample():
        if full[0]:
            raise MemoryError
        return healthy()

    healthy = Sound(4)
    for _ in range(2):
        try:
            Generator(three(sample), NOWHERE)
            raise AssertionError("made without memory")
        except MemoryError:
            pass
    full[0] = False
    random = Generator(three(sample), NOWHERE)
    full[0] = True
    try:
        random(4)
        raise AssertionError("drawn without memory")
    except MemoryError:
        pass
    full[0] = False
    assert len(random(4)) == 4


# What a platform has


def test_a_system_loads_none_of_it():
    if hasattr(os, "urandom"):
        entropy.source()
    assert "dsoftbus_mpy.noise_source.sources" not in sys.modules


def test_it_is_assessed_as_the_page_says():
    assert conditioner._SEED_BITS * health_tests.BIT[0] == 3072
    for samples_a_bit, repetition, _, _ in (
        health_tests.BIT,
        health_tests.READING,
        health_tests.BYTE,
    ):
        assert repetition == 1 + 20 * samples_a_bit
