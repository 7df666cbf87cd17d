"""The two health tests of a noise source: SP 800-90B sections 4.4.1 and 4.4.2."""

# What is assumed of a source, as (samples for one bit of min-entropy, cutoff of the repetition
# count test, cutoff of the adaptive proportion test, its window). With H bits a sample and
# alpha = 2**-20, so that a sound source is refused once in a million windows, the first is
# 1 + ceil(20 / H) and the second 1 + critbinom(window, 2**-H, 1 - alpha); a test computes both.
# The windows are the standard's: 1024 for bits, 512 for anything else.
#
# Nobody has measured these sources on many boards, and H is low for that reason: an eighth of a
# bit of what a free-running oscillator or a converter shows, which sampled slower than it drifts
# give most of a bit and more; one bit of a byte of a hardware generator that claims eight.
BIT = (8, 161, 979, 1024)
READING = (8, 161, 497, 512)
BYTE = (1, 21, 311, 512)


class Health:
    """The tests of one source: `failure(sample)` for each of its samples, in order."""

    def __init__(self, repetition: int, proportion: int, window: int):
        self._repetition = repetition
        self._proportion = proportion
        self._window = window
        self._last = -1
        self._run = 0  # how often the last one came in a row
        self._first = -1  # of this window
        self._count = 0  # how often that came in it
        self._seen = 0

    def failure(self, sample: int) -> str:
        """The test that this sample fails, or "". Allocates nothing."""
        if sample != self._last:
            self._last = sample
            self._run = 0
        self._run += 1
        if self._run >= self._repetition:
            return "repetition count"
        if self._seen == 0:
            self._first = sample
            self._count = 0
        self._count += sample == self._first
        if self._count >= self._proportion:
            return "adaptive proportion"
        self._seen += 1
        if self._seen == self._window:
            self._seen = 0
        return ""
