"""ChaCha20 (RFC 8439 section 2.3) for the viper emitter.

What the emitter makes of it, on ARM Thumb and much the same elsewhere: the first two locals are in
registers (here `p` and `y`), all others on the stack; a word at a constant index of `p` is one
load, as dear as a local. Reaching a third local for every word would cost more than it saves, so
that the rounds are written with these two alone. `y` is always the right operand, because a left
one is first moved to another register. One step of a quarter round (add, exclusive or, rotate)
is then 23 instructions, three of them memory, and a block about 7900.

Words are 32 bits in memory and perhaps 64 in `y`. A sum is stored and loaded again before it is
shifted to the right, which cuts it to 32 bits on a 64-bit machine and costs one load on a board.
The portable twin is in dsoftbus.crypto.chachapoly.
"""

import micropython


@micropython.viper
def crypt(p: ptr32, y: int, init: ptr32, src: ptr8, start: int, dst: ptr8, at: int, n: int):
    """dst[at:at + n] = src[start:start + n] ^ key stream; the counter in `init` moves on.

    `init` is the initial state of 16 words and `p` room for 16 more, where the last block of key
    stream stays. n = 0 makes one block and encrypts nothing. `y` is a register: any int.
    """
    s = ptr8(int(src) + start)
    d = ptr8(int(dst) + at)
    while True:
        y = 0
        while y < 16:
            p[y] = init[y]
            y += 1
        rounds = 10
        while rounds:
            y = p[4]
            p[0] = p[0] + y
            y = p[0]
            y = p[12] ^ y
            y = y << 16 | int(uint(y) >> 16)
            p[12] = y
            p[8] = p[8] + y
            y = p[8]
            y = p[4] ^ y
            y = y << 12 | int(uint(y) >> 20)
            p[4] = y
            p[0] = p[0] + y
            y = p[0]
            y = p[12] ^ y
            y = y << 8 | int(uint(y) >> 24)
            p[12] = y
            p[8] = p[8] + y
            y = p[8]
            y = p[4] ^ y
            y = y << 7 | int(uint(y) >> 25)
            p[4] = y
            y = p[5]
            p[1] = p[1] + y
            y = p[1]
            y = p[13] ^ y
            y = y << 16 | int(uint(y) >> 16)
            p[13] = y
            p[9] = p[9] + y
            y = p[9]
            y = p[5] ^ y
            y = y << 12 | int(uint(y) >> 20)
            p[5] = y
            p[1] = p[1] + y
            y = p[1]
            y = p[13] ^ y
            y = y << 8 | int(uint(y) >> 24)
            p[13] = y
            p[9] = p[9] + y
            y = p[9]
            y = p[5] ^ y
            y = y << 7 | int(uint(y) >> 25)
            p[5] = y
            y = p[6]
            p[2] = p[2] + y
            y = p[2]
            y = p[14] ^ y
            y = y << 16 | int(uint(y) >> 16)
            p[14] = y
            p[10] = p[10] + y
            y = p[10]
            y = p[6] ^ y
            y = y << 12 | int(uint(y) >> 20)
            p[6] = y
            p[2] = p[2] + y
            y = p[2]
            y = p[14] ^ y
            y = y << 8 | int(uint(y) >> 24)
            p[14] = y
            p[10] = p[10] + y
            y = p[10]
            y = p[6] ^ y
            y = y << 7 | int(uint(y) >> 25)
            p[6] = y
            y = p[7]
            p[3] = p[3] + y
            y = p[3]
            y = p[15] ^ y
            y = y << 16 | int(uint(y) >> 16)
            p[15] = y
            p[11] = p[11] + y
            y = p[11]
            y = p[7] ^ y
            y = y << 12 | int(uint(y) >> 20)
            p[7] = y
            p[3] = p[3] + y
            y = p[3]
            y = p[15] ^ y
            y = y << 8 | int(uint(y) >> 24)
            p[15] = y
            p[11] = p[11] + y
            y = p[11]
            y = p[7] ^ y
            y = y << 7 | int(uint(y) >> 25)
            p[7] = y
            y = p[5]
            p[0] = p[0] + y
            y = p[0]
            y = p[15] ^ y
            y = y << 16 | int(uint(y) >> 16)
            p[15] = y
            p[10] = p[10] + y
            y = p[10]
            y = p[5] ^ y
            y = y << 12 | int(uint(y) >> 20)
            p[5] = y
            p[0] = p[0] + y
            y = p[0]
            y = p[15] ^ y
            y = y << 8 | int(uint(y) >> 24)
            p[15] = y
            p[10] = p[10] + y
            y = p[10]
            y = p[5] ^ y
            y = y << 7 | int(uint(y) >> 25)
            p[5] = y
            y = p[6]
            p[1] = p[1] + y
            y = p[1]
            y = p[12] ^ y
            y = y << 16 | int(uint(y) >> 16)
            p[12] = y
            p[11] = p[11] + y
            y = p[11]
            y = p[6] ^ y
            y = y << 12 | int(uint(y) >> 20)
            p[6] = y
            p[1] = p[1] + y
            y = p[1]
            y = p[12] ^ y
            y = y << 8 | int(uint(y) >> 24)
            p[12] = y
            p[11] = p[11] + y
            y = p[11]
            y = p[6] ^ y
            y = y << 7 | int(uint(y) >> 25)
            p[6] = y
            y = p[7]
            p[2] = p[2] + y
            y = p[2]
            y = p[13] ^ y
            y = y << 16 | int(uint(y) >> 16)
            p[13] = y
            p[8] = p[8] + y
            y = p[8]
            y = p[7] ^ y
            y = y << 12 | int(uint(y) >> 20)
            p[7] = y
            p[2] = p[2] + y
            y = p[2]
            y = p[13] ^ y
            y = y << 8 | int(uint(y) >> 24)
            p[13] = y
            p[8] = p[8] + y
            y = p[8]
            y = p[7] ^ y
            y = y << 7 | int(uint(y) >> 25)
            p[7] = y
            y = p[4]
            p[3] = p[3] + y
            y = p[3]
            y = p[14] ^ y
            y = y << 16 | int(uint(y) >> 16)
            p[14] = y
            p[9] = p[9] + y
            y = p[9]
            y = p[4] ^ y
            y = y << 12 | int(uint(y) >> 20)
            p[4] = y
            p[3] = p[3] + y
            y = p[3]
            y = p[14] ^ y
            y = y << 8 | int(uint(y) >> 24)
            p[14] = y
            p[9] = p[9] + y
            y = p[9]
            y = p[4] ^ y
            y = y << 7 | int(uint(y) >> 25)
            p[4] = y
            rounds -= 1
        y = 0
        while y < 16:
            p[y] = p[y] + init[y]
            y += 1
        init[12] = init[12] + 1
        size = n
        if size > 64:
            size = 64
        y = 0
        if (int(s) | int(d)) & 3 == 0:
            words = size & 60
            while y < words:
                ptr32(d)[y >> 2] = ptr32(s)[y >> 2] ^ p[y >> 2]
                y += 4
        while y < size:
            d[y] = s[y] ^ ptr8(p)[y]
            y += 1
        s = ptr8(int(s) + 64)
        d = ptr8(int(d) + 64)
        n -= 64
        if n <= 0:
            break


@micropython.viper
def set_nonce(init: ptr32, counter: int, low: int, high: int):
    """The block counter, and the 64 bits of the nonce that count."""
    init[12] = counter
    init[14] = low
    init[15] = high
