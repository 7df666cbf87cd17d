"""ChaCha20 (RFC 8439 section 2.3) for the viper emitter.

The emitter, on ARM Thumb and much the same elsewhere, keeps the first two locals in registers
(here `p` and `y`), all others on the stack; a word at a constant index of `p` is one load, as dear
as a local. Reaching a third local for every word would cost more than it saves, so that the rounds
are written with these two alone. `y` is always the right operand, because a left one is first
moved to another register. One step of a quarter round (add, exclusive or, rotate) is then 23
instructions, three of them memory, and a block about 7900.

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
        p[0] = init[0]
        p[1] = init[1]
        p[2] = init[2]
        p[3] = init[3]
        p[4] = init[4]
        p[5] = init[5]
        p[6] = init[6]
        p[7] = init[7]
        p[8] = init[8]
        p[9] = init[9]
        p[10] = init[10]
        p[11] = init[11]
        p[12] = init[12]
        p[13] = init[13]
        p[14] = init[14]
        p[15] = init[15]
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
        y = init[0]
        p[0] = p[0] + y
        y = init[1]
        p[1] = p[1] + y
        y = init[2]
        p[2] = p[2] + y
        y = init[3]
        p[3] = p[3] + y
        y = init[4]
        p[4] = p[4] + y
        y = init[5]
        p[5] = p[5] + y
        y = init[6]
        p[6] = p[6] + y
        y = init[7]
        p[7] = p[7] + y
        y = init[8]
        p[8] = p[8] + y
        y = init[9]
        p[9] = p[9] + y
        y = init[10]
        p[10] = p[10] + y
        y = init[11]
        p[11] = p[11] + y
        y = init[12]
        p[12] = p[12] + y
        y = init[13]
        p[13] = p[13] + y
        y = init[14]
        p[14] = p[14] + y
        y = init[15]
        p[15] = p[15] + y
        init[12] = init[12] + 1
        part = 4
        if n < 64:
            y = 0
            while y < n:
                d[y] = s[y] ^ ptr8(p)[y]
                y += 1
            break
        if (int(s) | int(d)) & 3:  # a board may not load words off their boundary
            while part:
                y = s[0]
                d[0] = ptr8(p)[0] ^ y
                y = s[1]
                d[1] = ptr8(p)[1] ^ y
                y = s[2]
                d[2] = ptr8(p)[2] ^ y
                y = s[3]
                d[3] = ptr8(p)[3] ^ y
                y = s[4]
                d[4] = ptr8(p)[4] ^ y
                y = s[5]
                d[5] = ptr8(p)[5] ^ y
                y = s[6]
                d[6] = ptr8(p)[6] ^ y
                y = s[7]
                d[7] = ptr8(p)[7] ^ y
                y = s[8]
                d[8] = ptr8(p)[8] ^ y
                y = s[9]
                d[9] = ptr8(p)[9] ^ y
                y = s[10]
                d[10] = ptr8(p)[10] ^ y
                y = s[11]
                d[11] = ptr8(p)[11] ^ y
                y = s[12]
                d[12] = ptr8(p)[12] ^ y
                y = s[13]
                d[13] = ptr8(p)[13] ^ y
                y = s[14]
                d[14] = ptr8(p)[14] ^ y
                y = s[15]
                d[15] = ptr8(p)[15] ^ y
                p = ptr32(int(p) + 16)
                s = ptr8(int(s) + 16)
                d = ptr8(int(d) + 16)
                part -= 1
        else:
            while part:
                y = ptr32(s)[0]
                ptr32(d)[0] = p[0] ^ y
                y = ptr32(s)[1]
                ptr32(d)[1] = p[1] ^ y
                y = ptr32(s)[2]
                ptr32(d)[2] = p[2] ^ y
                y = ptr32(s)[3]
                ptr32(d)[3] = p[3] ^ y
                p = ptr32(int(p) + 16)
                s = ptr8(int(s) + 16)
                d = ptr8(int(d) + 16)
                part -= 1
        p = ptr32(int(p) - 64)
        n -= 64
        if n == 0:
            break


@micropython.viper
def set_nonce(init: ptr32, counter: int, low: int, high: int):
    """The block counter, and the 64 bits of the nonce that count."""
    init[12] = counter
    init[14] = low
    init[15] = high
