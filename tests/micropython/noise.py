"""Noise sources for tests: sound ones, and those that fail in every way."""

from dsoftbus_mpy.noise_source import health_tests
from dsoftbus_mpy.noise_source.conditioner import Noise
from support import Random

_drawn = {}  # by seed: what draws, and the samples that it has drawn so far


def samples(seed: int):
    """Yields the samples of the seed; each is drawn once for all starts, some at a time."""
    if seed not in _drawn:
        _drawn[seed] = Random(seed), bytearray()
    random, drawn = _drawn[seed]
    at = 0
    while True:
        if at == len(drawn):
            drawn.extend(random(64))
        yield drawn[at]
        at += 1


class Sound:
    """Deterministic from its seed, so that two starts with it see the same noise."""

    def __init__(self, seed: int):
        self._samples = samples(seed)

    def __call__(self) -> int:
        return next(self._samples)


class Dying(Sound):
    """Sound for `samples`, and then `after()` for ever."""

    def __init__(self, seed: int, samples: int, after):
        super().__init__(seed)
        self.left = samples
        self._after = after

    def __call__(self) -> int:
        if self.left <= 0:
            return self._after()
        self.left -= 1
        return super().__call__()


class Clock:
    """Ticks that are the same in every start."""

    def __init__(self):
        self._ticks = 0

    def __call__(self) -> int:
        self._ticks += 7
        return self._ticks


def stuck() -> int:
    return 0x5A


def broken() -> int:
    raise OSError(5)


def noise(name: str, sample, kind=health_tests.BYTE) -> Noise:
    return Noise(name, sample, kind, Clock())


def three(first=None, second=None, third=None) -> list:
    """Three sources, sound but for those that are given."""
    samples = {"a": first or Sound(1), "b": second or Sound(2), "c": third or Sound(3)}
    return [noise(name, samples[name]) for name in "abc"]
