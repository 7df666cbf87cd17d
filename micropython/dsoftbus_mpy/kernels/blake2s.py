"""BLAKE2s (RFC 7693) for the viper emitter; portable twin: dsoftbus.crypto.blake2s.

Written as dsoftbus_mpy.kernels.chacha20 is, and for its reasons: the working vector and the
sixteen message words, in the order of the round, are at constant indices of `p`, the first
register, and `y`, the second, holds the word in hand.
"""

import micropython
from dsoftbus.crypto.blake2s import SIGMA

_IV = (
    b"\x67\xe6\x09\x6a\x85\xae\x67\xbb\x72\xf3\x6e\x3c\x3a\xf5\x4f\xa5"
    b"\x7f\x52\x0e\x51\x8c\x68\x05\x9b\xab\xd9\x83\x1f\x19\xcd\xe0\x5b"
)
_PARAMETERS = (0x20, 0, 1, 1)  # 32 bytes of digest, no key, fanout and depth 1
_work = bytearray(192)  # words: v 0..15, m in the round's order 16..31, the block 32..47


def digest(data) -> bytes:
    """The 32-byte BLAKE2s of bytes-like `data`."""
    h = bytearray(_IV)
    for i in range(4):
        h[i] ^= _PARAMETERS[i]
    absorb(_work, 0, h, _IV, SIGMA, data, len(data))
    return bytes(h)


@micropython.viper
def absorb(p: ptr32, y: int, h: ptr32, iv: ptr32, sigma: ptr8, data: ptr8, size: int):
    """Takes the whole message data[:size], below 2**30 bytes, into the chaining words `h`.

    `p` is the room of _work, `y` a register: any int.
    """
    block = ptr8(int(p) + 128)
    m = ptr32(block)
    at = 0
    while True:
        y = 0
        while y < 64:
            block[y] = 0
            if at < size:
                block[y] = data[at]
                at += 1
            y += 1
        y = 0
        while y < 8:
            p[y] = h[y]
            p[y + 8] = iv[y]
            y += 1
        p[12] = p[12] ^ at
        if at == size:
            p[14] = p[14] ^ -1
        order = sigma
        rounds = 10
        while rounds:
            y = order[0]
            p[16] = m[y]
            y = order[1]
            p[17] = m[y]
            y = order[2]
            p[18] = m[y]
            y = order[3]
            p[19] = m[y]
            y = order[4]
            p[20] = m[y]
            y = order[5]
            p[21] = m[y]
            y = order[6]
            p[22] = m[y]
            y = order[7]
            p[23] = m[y]
            y = order[8]
            p[24] = m[y]
            y = order[9]
            p[25] = m[y]
            y = order[10]
            p[26] = m[y]
            y = order[11]
            p[27] = m[y]
            y = order[12]
            p[28] = m[y]
            y = order[13]
            p[29] = m[y]
            y = order[14]
            p[30] = m[y]
            y = order[15]
            p[31] = m[y]
            order = ptr8(int(order) + 16)
            rounds -= 1
            y = p[4]
            y = p[16] + y
            p[0] = p[0] + y
            y = p[0]
            y = p[12] ^ y
            y = int(uint(y) >> 16) | y << 16
            p[12] = y
            p[8] = p[8] + y
            y = p[8]
            y = p[4] ^ y
            y = int(uint(y) >> 12) | y << 20
            p[4] = y
            y = p[17] + y
            p[0] = p[0] + y
            y = p[0]
            y = p[12] ^ y
            y = int(uint(y) >> 8) | y << 24
            p[12] = y
            p[8] = p[8] + y
            y = p[8]
            y = p[4] ^ y
            y = int(uint(y) >> 7) | y << 25
            p[4] = y
            y = p[5]
            y = p[18] + y
            p[1] = p[1] + y
            y = p[1]
            y = p[13] ^ y
            y = int(uint(y) >> 16) | y << 16
            p[13] = y
            p[9] = p[9] + y
            y = p[9]
            y = p[5] ^ y
            y = int(uint(y) >> 12) | y << 20
            p[5] = y
            y = p[19] + y
            p[1] = p[1] + y
            y = p[1]
            y = p[13] ^ y
            y = int(uint(y) >> 8) | y << 24
            p[13] = y
            p[9] = p[9] + y
            y = p[9]
            y = p[5] ^ y
            y = int(uint(y) >> 7) | y << 25
            p[5] = y
            y = p[6]
            y = p[20] + y
            p[2] = p[2] + y
            y = p[2]
            y = p[14] ^ y
            y = int(uint(y) >> 16) | y << 16
            p[14] = y
            p[10] = p[10] + y
            y = p[10]
            y = p[6] ^ y
            y = int(uint(y) >> 12) | y << 20
            p[6] = y
            y = p[21] + y
            p[2] = p[2] + y
            y = p[2]
            y = p[14] ^ y
            y = int(uint(y) >> 8) | y << 24
            p[14] = y
            p[10] = p[10] + y
            y = p[10]
            y = p[6] ^ y
            y = int(uint(y) >> 7) | y << 25
            p[6] = y
            y = p[7]
            y = p[22] + y
            p[3] = p[3] + y
            y = p[3]
            y = p[15] ^ y
            y = int(uint(y) >> 16) | y << 16
            p[15] = y
            p[11] = p[11] + y
            y = p[11]
            y = p[7] ^ y
            y = int(uint(y) >> 12) | y << 20
            p[7] = y
            y = p[23] + y
            p[3] = p[3] + y
            y = p[3]
            y = p[15] ^ y
            y = int(uint(y) >> 8) | y << 24
            p[15] = y
            p[11] = p[11] + y
            y = p[11]
            y = p[7] ^ y
            y = int(uint(y) >> 7) | y << 25
            p[7] = y
            y = p[5]
            y = p[24] + y
            p[0] = p[0] + y
            y = p[0]
            y = p[15] ^ y
            y = int(uint(y) >> 16) | y << 16
            p[15] = y
            p[10] = p[10] + y
            y = p[10]
            y = p[5] ^ y
            y = int(uint(y) >> 12) | y << 20
            p[5] = y
            y = p[25] + y
            p[0] = p[0] + y
            y = p[0]
            y = p[15] ^ y
            y = int(uint(y) >> 8) | y << 24
            p[15] = y
            p[10] = p[10] + y
            y = p[10]
            y = p[5] ^ y
            y = int(uint(y) >> 7) | y << 25
            p[5] = y
            y = p[6]
            y = p[26] + y
            p[1] = p[1] + y
            y = p[1]
            y = p[12] ^ y
            y = int(uint(y) >> 16) | y << 16
            p[12] = y
            p[11] = p[11] + y
            y = p[11]
            y = p[6] ^ y
            y = int(uint(y) >> 12) | y << 20
            p[6] = y
            y = p[27] + y
            p[1] = p[1] + y
            y = p[1]
            y = p[12] ^ y
            y = int(uint(y) >> 8) | y << 24
            p[12] = y
            p[11] = p[11] + y
            y = p[11]
            y = p[6] ^ y
            y = int(uint(y) >> 7) | y << 25
            p[6] = y
            y = p[7]
            y = p[28] + y
            p[2] = p[2] + y
            y = p[2]
            y = p[13] ^ y
            y = int(uint(y) >> 16) | y << 16
            p[13] = y
            p[8] = p[8] + y
            y = p[8]
            y = p[7] ^ y
            y = int(uint(y) >> 12) | y << 20
            p[7] = y
            y = p[29] + y
            p[2] = p[2] + y
            y = p[2]
            y = p[13] ^ y
            y = int(uint(y) >> 8) | y << 24
            p[13] = y
            p[8] = p[8] + y
            y = p[8]
            y = p[7] ^ y
            y = int(uint(y) >> 7) | y << 25
            p[7] = y
            y = p[4]
            y = p[30] + y
            p[3] = p[3] + y
            y = p[3]
            y = p[14] ^ y
            y = int(uint(y) >> 16) | y << 16
            p[14] = y
            p[9] = p[9] + y
            y = p[9]
            y = p[4] ^ y
            y = int(uint(y) >> 12) | y << 20
            p[4] = y
            y = p[31] + y
            p[3] = p[3] + y
            y = p[3]
            y = p[14] ^ y
            y = int(uint(y) >> 8) | y << 24
            p[14] = y
            p[9] = p[9] + y
            y = p[9]
            y = p[4] ^ y
            y = int(uint(y) >> 7) | y << 25
            p[4] = y
        y = 0
        while y < 8:
            h[y] = h[y] ^ p[y] ^ p[y + 8]
            y += 1
        if at == size:
            break
