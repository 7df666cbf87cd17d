"""Random bytes out of hardware noise, for ports whose `os.urandom` may be less than it says.

Several sources, each under the health tests of SP 800-90B section 4.4, each with its own pool
(SHA-256), each alone filling the seed of the generator (`drbg`): that is sound as long as one of
them is what it is taken for. A test that fails, or a source that raises, closes it for good. A
seed in a file carries what was gathered over to the next start.
"""

from hashlib import sha256

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import ENTROPY_UNAVAILABLE, LocalError
from dsoftbus_mpy.noise_source.drbg import Drbg
from dsoftbus_mpy.noise_source.health_tests import Health

_SEED_BITS = 384  # the generator's strength and its half (SP 800-90A section 8.6.7)
_START_SAMPLES = 1024  # under test before the first byte is given: SP 800-90B section 4.3
_BATCH = 16  # samples of each source with every request: some ms on an RP2040


class Noise:
    """A source: `sample()` gives an int, of which the lowest eight bits count.

    `assessed` is one of those in `health_tests`. `ticks()` is a fast clock; when each sample came
    goes into the pool, too, and counts for nothing.
    """

    def __init__(self, name: str, sample, assessed: tuple, ticks):
        self.name = name
        self._sample = sample
        self._ticks = ticks
        self._health = Health(assessed[1], assessed[2], assessed[3])
        self._enough = max(_SEED_BITS * assessed[0], _START_SAMPLES)
        self._batch = bytearray(2 * _BATCH)
        self._empty()

    def draw(self) -> str:
        """One batch into the pool; the test that it fails, or "". Raises what the source does."""
        for at in range(0, 2 * _BATCH, 2):
            sample = self._sample() & 0xFF
            failure = self._health.failure(sample)
            if failure:
                return failure
            self._batch[at] = sample
            self._batch[at + 1] = self._ticks() & 0xFF
        self._pool.update(self._batch)
        self._pooled += _BATCH
        return ""

    @property
    def full(self) -> bool:
        """Tells whether the pool has enough for a seed."""
        return self._pooled >= self._enough

    def take(self) -> bytes:
        """The pool's 32 bytes; it is empty then."""
        digest = self._pool.digest()
        self._empty()
        return digest

    def _empty(self) -> None:
        self._pool = sha256()
        self._pooled = 0


class Generator:
    """`random(n)` of these sources, for one thread: two at once might get the same.

    `path` is the seed's file; `extra` is mixed in at the start and counts for nothing.
    """

    def __init__(self, noises, path: str, extra: bytes = b""):
        self.failure = ""  # why it is closed
        self._noises = noises
        self._drbg: Drbg = None
        try:
            self._start(path, extra)
        except LocalError:
            pass  # it is closed, and says so whenever it is asked

    def __call__(self, n: int) -> bytes:
        """`n` random bytes, or LocalError(ENTROPY_UNAVAILABLE) once and for all."""
        self.check()
        for noise in self._noises:
            self._draw(noise)
        if all(noise.full for noise in self._noises):
            self._drbg.reseed(self._take())
        return self._drbg.generate(n)

    def check(self) -> None:
        """Raises LocalError(ENTROPY_UNAVAILABLE) if it is closed."""
        if self.failure:
            raise LocalError(ENTROPY_UNAVAILABLE, self.failure)

    def _start(self, path: str, extra: bytes) -> None:
        for noise in self._noises:
            while not noise.full:
                self._draw(noise)
        from dsoftbus_mpy.key_file import store  # for a while, as `overlay` says

        fresh = extra + self._take()
        self._drbg = Drbg(fresh + _kept(path))
        try:
            store(path, self._drbg.generate(KEY_BYTES))
        except OSError:
            self._drbg = Drbg(fresh)  # a seed that cannot be replaced is not used twice

    def _draw(self, noise: Noise) -> None:
        try:
            failure = noise.draw()
        except MemoryError:
            raise  # says nothing about the source
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, it gave no noise
            failure = repr(error)
        if failure:
            self.failure = "%s: %s" % (noise.name, failure)
            self._drbg = None
            self.check()

    def _take(self) -> bytes:
        return b"".join([noise.take() for noise in self._noises])


def _kept(path: str) -> bytes:
    """The seed that the last start left; b"" where it is missing or damaged."""
    from dsoftbus_mpy.key_file import load

    try:
        return load(path) or b""
    except (LocalError, OSError):
        return b""
