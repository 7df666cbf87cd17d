"""A suite that counts what a handshake costs."""


class CountingSuite:
    """A suite that counts its scalar multiplications."""

    def __init__(self, suite):
        self._suite = suite
        self.multiplications = 0
        self.code = suite.code
        self.name = suite.name
        self.cipher = suite.cipher
        self.hash = suite.hash
        self.copy = suite.copy

    def keypair(self, secret):
        self.multiplications += 1
        pair = self._suite.keypair(secret)
        return CountingPair(self, pair)


class CountingPair:
    def __init__(self, counter, pair):
        self._counter = counter
        self._pair = pair
        self.public = pair.public

    def exchange(self, public):
        self._counter.multiplications += 1
        return self._pair.exchange(public)


def counted(node) -> CountingSuite:
    """Counts the scalar multiplications of `node` from now on, under its first suite."""
    local = node.local
    counter = CountingSuite(local.suites[1])
    local.suites = {1: counter}
    local.static = CountingPair(counter, local.static)
    return counter
