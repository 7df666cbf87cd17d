"""ChaCha20-Poly1305 (RFC 8439) on big integers: the portable twin of the kernels.

The state of `n` ChaCha20 blocks is four ints, one a row. A row is 4 * n lanes, block after block
and column after column; a lane is one 32-bit word in 64 bits, so that sums and rotations stay
inside it. A dozen big integer operations then do what would be hundreds of word operations in
bytecode, and on a 32-bit port no word becomes an object of its own.
"""

if False:  # for types
    from dsoftbus.contracts import Buffer, Data


_BATCH = 4  # blocks at a time: the constants below take 1.3 KB, and 5 with 16, which are no faster
_BLOCK = 64
_ALL = (1 << 256 * _BATCH) - 1  # cut to `n` blocks by `& _ALL >> 256 * (_BATCH - n)`
_ROW_ONE = _ALL // ((1 << 256) - 1)  # a 1 in the first lane of every block
_WORDS = _ALL // ((1 << 64) - 1) * 0xFFFFFFFF  # the low half of every lane
_PAIRS = _ALL // ((1 << 128) - 1) * ((1 << 64) - 1)
_HALVES = _ROW_ONE * ((1 << 128) - 1)
_COUNT = sum([i << 256 * i for i in range(_BATCH)])  # i in the first lane of block i
_LANE1 = _ROW_ONE * ((1 << 64) - 1)  # the lanes that a rotation by one lane moves to the end
_LANE2 = _ROW_ONE * ((1 << 128) - 1)
_LANE3 = _ROW_ONE * ((1 << 192) - 1)

_P = (1 << 130) - 5
_CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF


def _row(data: "Data") -> int:
    """16 bytes to a row of one block: four little-endian words, 64 bits apart."""
    row = 0
    for at in (12, 8, 4, 0):
        row = row << 64 | int.from_bytes(data[at : at + 4], "little")
    return row


_CONSTANT = _row(b"expand 32-byte k")


def _quarter(a: int, b: int, c: int, d: int, words: int) -> tuple[int, int, int, int]:
    """The quarter round on all columns of rows; `words` masks the low half of every lane."""
    a = a + b & words
    d = (d ^ a) << 16
    d = (d | d >> 32) & words
    c = c + d & words
    b = (b ^ c) << 12
    b = (b | b >> 32) & words
    a = a + b & words
    d = (d ^ a) << 8
    d = (d | d >> 32) & words
    c = c + d & words
    b = (b ^ c) << 7
    b = (b | b >> 32) & words
    return a, b, c, d


def _double_rounds(a: int, b: int, c: int, d: int, n: int) -> tuple[int, int, int, int]:
    """Ten double rounds over `n` blocks; a diagonal is a column after rows turn by 1, 2, 3."""
    cut = 256 * (_BATCH - n)
    words = _WORDS >> cut
    lane1 = _LANE1 >> cut
    lane2 = _LANE2 >> cut
    lane3 = _LANE3 >> cut
    for _ in range(10):
        a, b, c, d = _quarter(a, b, c, d, words)
        b = b >> 64 & lane3 | (b & lane1) << 192
        c = c >> 128 & lane2 | (c & lane2) << 128
        d = d >> 192 & lane1 | (d & lane3) << 64
        a, b, c, d = _quarter(a, b, c, d, words)
        b = b >> 192 & lane1 | (b & lane3) << 64
        c = c >> 128 & lane2 | (c & lane2) << 128
        d = d >> 64 & lane3 | (d & lane1) << 192
    return a, b, c, d


def _packed(row: int, n: int) -> int:
    """A row of 64-bit lanes to 32-bit words: 16 bytes at every 32."""
    cut = 256 * (_BATCH - n)
    row = (row | row >> 32) & _PAIRS >> cut
    return (row | row >> 64) & _HALVES >> cut


class ChaChaPoly:
    """The AEAD of one 32-byte key. `src` may be `dst` where `start` is `at`.

    A nonce is `salt`, 32 bits that Noise leaves zero, and `n` in 64 bits, both little-endian.
    """

    def __init__(self, key: "Data", salt: int = 0) -> None:
        self._b = _row(key)
        self._c = _row(key[16:])
        self._salt = salt << 64

    def seal(
        self, n: int, ad: "Data", src: "Data", start: int, end: int, dst: "Buffer", at: int
    ) -> int:
        """Encrypts src[start:end] to dst[at:], appends the tag, returns the index past it."""
        stop = at + end - start
        poly_key = self._crypt(n, src, start, end, dst, at)
        dst[stop : stop + 16] = _tag(poly_key, ad, dst, at, stop).to_bytes(16, "little")
        return stop + 16

    def open(
        self, n: int, ad: "Data", src: "Data", start: int, end: int, dst: "Buffer", at: int
    ) -> int:
        """Verifies and decrypts src[start:end], tag last, to dst[at:]; the index past, or -1."""
        end -= 16
        if end < start:
            return -1
        poly_key = self._blocks(n, 0, 1)
        seen = int.from_bytes(src[end : end + 16], "little")
        if seen ^ _tag(poly_key, ad, src, start, end):  # one exclusive or: no early exit
            return -1
        self._crypt(n, src, start, end, dst, at)
        return at + end - start

    def _crypt(
        self, n: int, src: "Data", start: int, end: int, dst: "Buffer", at: int
    ) -> bytearray:
        """Encrypts or decrypts src[start:end] to dst[at:]; returns the block of the Poly1305 key.

        That block is the first of the key stream, so that a short message is one batch in all.
        """
        counter = 0
        poly_key = None
        while poly_key is None or start < end:
            batch = min(_BATCH, (end - start + _BLOCK - 1) // _BLOCK + (counter == 0))
            stream = self._blocks(n, counter, batch)
            counter += batch
            if poly_key is None:
                poly_key = stream
                stream = stream[_BLOCK:]
            size = min(end - start, len(stream))
            _xor(src, start, stream, size, dst, at)
            start += size
            at += size
        return poly_key

    def _blocks(self, n: int, counter: int, blocks: int) -> bytearray:
        """`blocks` (at most _BATCH) blocks of key stream from block `counter` for nonce `n`."""
        cut = 256 * (_BATCH - blocks)
        ones = _ROW_ONE >> cut
        a0 = _CONSTANT * ones
        b0 = self._b * ones
        c0 = self._c * ones
        nonce = self._salt | (n & 0xFFFFFFFF) << 128 | n >> 32 << 192
        d0 = (nonce | counter) * ones + (_COUNT & _ALL >> cut)
        a, b, c, d = _double_rounds(a0, b0, c0, d0, blocks)
        words = _WORDS >> cut
        first = _packed(a + a0 & words, blocks) | _packed(b + b0 & words, blocks) << 128
        second = _packed(c + c0 & words, blocks) | _packed(d + d0 & words, blocks) << 128
        return _interleaved(first.to_bytes(32 * blocks, "little"), second, blocks)


def _interleaved(first: bytes, second: int, blocks: int) -> bytearray:
    """The first and second halves of every block, in the order of the stream."""
    halves = second.to_bytes(32 * blocks, "little")
    stream = bytearray(_BLOCK * blocks)
    for i in range(blocks):
        stream[64 * i : 64 * i + 32] = first[32 * i : 32 * i + 32]
        stream[64 * i + 32 : 64 * i + 64] = halves[32 * i : 32 * i + 32]
    return stream


def _xor(src: "Data", start: int, stream: "Data", size: int, dst: "Buffer", at: int) -> None:
    """dst[at:] = src[start:] ^ stream[:size]"""
    mixed = int.from_bytes(src[start : start + size], "little")
    mixed ^= int.from_bytes(stream[:size], "little")
    dst[at : at + size] = mixed.to_bytes(size, "little")


def _tag(poly_key: "Data", ad: "Data", data: "Data", start: int, end: int) -> int:
    """Poly1305 over `ad` and data[start:end], each padded to 16 bytes, and their lengths."""
    r = int.from_bytes(poly_key[:16], "little") & _CLAMP
    s = int.from_bytes(poly_key[16:32], "little")
    acc = _absorb(0, r, ad, 0, len(ad))
    acc = _absorb(acc, r, data, start, end)
    acc = (acc + (end - start << 64) + len(ad) + (1 << 128)) * r % _P
    return acc + s & (1 << 128) - 1


def _absorb(acc: int, r: int, data: "Data", start: int, end: int) -> int:
    for at in range(start, end - 15, 16):
        block = int.from_bytes(data[at : at + 16], "little")
        acc = (acc + block + (1 << 128)) * r % _P
    left = (end - start) % 16
    if left:
        block = int.from_bytes(data[end - left : end], "little")
        acc = (acc + block + (1 << 128)) * r % _P
    return acc
