"""Poly1305 (RFC 8439 section 2.5) for the viper emitter.

Ten limbs of 13 bits, so that products and their sums fit 32 bits: a limb of `r` or 5 * r times one
of `h` below 2**14 + 2**9, ten to a column. Clamping keeps r4 and r9 below 2**8, which bounds
columns 2 to 9 by 230371 * 16896 < 2**32; columns 0 and 1 could pass it and are carried halfway.
Sums use all 32 bits, so that they are shifted as `uint`.

A product is added up in `acc`, the first register, with `x`, the second, as its right operand:
five instructions on ARM Thumb and two to load `x`, which the zigzag saves at every turn.

State, in words: h 0..9, r 10..19, then s as 16 bytes from word 20. All tests of secret values are
arithmetic. The portable twin is in dsoftbus.crypto.chachapoly.
"""

import micropython


@micropython.viper
def begin(state: ptr32, key: ptr32):
    """Starts a tag with the 32-byte one-time key: r, clamped, and s."""
    t0 = key[0] & 0x0FFFFFFF
    t1 = key[1] & 0x0FFFFFFC
    t2 = key[2] & 0x0FFFFFFC
    t3 = key[3] & 0x0FFFFFFC
    state[10] = t0 & 0x1FFF
    state[11] = t0 >> 13 & 0x1FFF
    state[12] = (t0 >> 26 | t1 << 6) & 0x1FFF
    state[13] = t1 >> 7 & 0x1FFF
    state[14] = (t1 >> 20 | t2 << 12) & 0x1FFF
    state[15] = t2 >> 1 & 0x1FFF
    state[16] = t2 >> 14 & 0x1FFF
    state[17] = (t2 >> 27 | t3 << 5) & 0x1FFF
    state[18] = t3 >> 8 & 0x1FFF
    state[19] = t3 >> 21
    i = 0
    while i < 10:
        state[i] = 0
        i += 1
    i = 0
    while i < 4:
        state[20 + i] = key[4 + i]
        i += 1


@micropython.viper
def blocks(acc: int, x: int, state: ptr32, data: ptr8, at: int, n: int, block: ptr32):
    """Takes `n` whole blocks of 16 bytes from data[at:]; `block` is room for four words.

    `acc` and `x` are registers: any ints.
    """
    g0 = state[0]
    g1 = state[1]
    g2 = state[2]
    g3 = state[3]
    g4 = state[4]
    g5 = state[5]
    g6 = state[6]
    g7 = state[7]
    g8 = state[8]
    g9 = state[9]
    r0 = state[10]
    r1 = state[11]
    r2 = state[12]
    r3 = state[13]
    r4 = state[14]
    r5 = state[15]
    r6 = state[16]
    r7 = state[17]
    r8 = state[18]
    r9 = state[19]
    s1 = r1 * 5
    s2 = r2 * 5
    s3 = r3 * 5
    s4 = r4 * 5
    s5 = r5 * 5
    s6 = r6 * 5
    s7 = r7 * 5
    s8 = r8 * 5
    s9 = r9 * 5
    m = int(data) + at
    while n > 0:
        acc = int(block)  # a board may not load words off their boundary
        x = m
        ptr8(acc)[0] = ptr8(x)[0]
        ptr8(acc)[1] = ptr8(x)[1]
        ptr8(acc)[2] = ptr8(x)[2]
        ptr8(acc)[3] = ptr8(x)[3]
        ptr8(acc)[4] = ptr8(x)[4]
        ptr8(acc)[5] = ptr8(x)[5]
        ptr8(acc)[6] = ptr8(x)[6]
        ptr8(acc)[7] = ptr8(x)[7]
        ptr8(acc)[8] = ptr8(x)[8]
        ptr8(acc)[9] = ptr8(x)[9]
        ptr8(acc)[10] = ptr8(x)[10]
        ptr8(acc)[11] = ptr8(x)[11]
        ptr8(acc)[12] = ptr8(x)[12]
        ptr8(acc)[13] = ptr8(x)[13]
        ptr8(acc)[14] = ptr8(x)[14]
        ptr8(acc)[15] = ptr8(x)[15]
        t0 = ptr32(acc)[0]
        t1 = ptr32(acc)[1]
        t2 = ptr32(acc)[2]
        t3 = ptr32(acc)[3]
        h0 = g0 + (t0 & 0x1FFF)
        h1 = g1 + (int(uint(t0) >> 13) & 0x1FFF)
        h2 = g2 + ((int(uint(t0) >> 26) | t1 << 6) & 0x1FFF)
        h3 = g3 + (int(uint(t1) >> 7) & 0x1FFF)
        h4 = g4 + ((int(uint(t1) >> 20) | t2 << 12) & 0x1FFF)
        h5 = g5 + (int(uint(t2) >> 1) & 0x1FFF)
        h6 = g6 + (int(uint(t2) >> 14) & 0x1FFF)
        h7 = g7 + ((int(uint(t2) >> 27) | t3 << 5) & 0x1FFF)
        h8 = g8 + (int(uint(t3) >> 8) & 0x1FFF)
        h9 = g9 + (int(uint(t3) >> 21) | 0x800)
        x = h0
        acc = r0 * x
        x = h1
        acc = s9 * x + acc
        x = h2
        acc = s8 * x + acc
        x = h3
        acc = s7 * x + acc
        x = h4
        acc = s6 * x + acc
        high = int(uint(acc) >> 13)
        acc = acc & 0x1FFF
        x = h5
        acc = s5 * x + acc
        x = h6
        acc = s4 * x + acc
        x = h7
        acc = s3 * x + acc
        x = h8
        acc = s2 * x + acc
        x = h9
        acc = s1 * x + acc
        g0 = acc & 0x1FFF
        acc = int(uint(acc) >> 13) + high
        acc = s2 * x + acc
        x = h8
        acc = s3 * x + acc
        x = h7
        acc = s4 * x + acc
        x = h6
        acc = s5 * x + acc
        x = h5
        acc = s6 * x + acc
        high = int(uint(acc) >> 13)
        acc = acc & 0x1FFF
        x = h4
        acc = s7 * x + acc
        x = h3
        acc = s8 * x + acc
        x = h2
        acc = s9 * x + acc
        x = h1
        acc = r0 * x + acc
        x = h0
        acc = r1 * x + acc
        g1 = acc & 0x1FFF
        acc = int(uint(acc) >> 13) + high
        acc = r2 * x + acc
        x = h1
        acc = r1 * x + acc
        x = h2
        acc = r0 * x + acc
        x = h3
        acc = s9 * x + acc
        x = h4
        acc = s8 * x + acc
        x = h5
        acc = s7 * x + acc
        x = h6
        acc = s6 * x + acc
        x = h7
        acc = s5 * x + acc
        x = h8
        acc = s4 * x + acc
        x = h9
        acc = s3 * x + acc
        g2 = acc & 0x1FFF
        acc = int(uint(acc) >> 13)
        acc = s4 * x + acc
        x = h8
        acc = s5 * x + acc
        x = h7
        acc = s6 * x + acc
        x = h6
        acc = s7 * x + acc
        x = h5
        acc = s8 * x + acc
        x = h4
        acc = s9 * x + acc
        x = h3
        acc = r0 * x + acc
        x = h2
        acc = r1 * x + acc
        x = h1
        acc = r2 * x + acc
        x = h0
        acc = r3 * x + acc
        g3 = acc & 0x1FFF
        acc = int(uint(acc) >> 13)
        acc = r4 * x + acc
        x = h1
        acc = r3 * x + acc
        x = h2
        acc = r2 * x + acc
        x = h3
        acc = r1 * x + acc
        x = h4
        acc = r0 * x + acc
        x = h5
        acc = s9 * x + acc
        x = h6
        acc = s8 * x + acc
        x = h7
        acc = s7 * x + acc
        x = h8
        acc = s6 * x + acc
        x = h9
        acc = s5 * x + acc
        g4 = acc & 0x1FFF
        acc = int(uint(acc) >> 13)
        acc = s6 * x + acc
        x = h8
        acc = s7 * x + acc
        x = h7
        acc = s8 * x + acc
        x = h6
        acc = s9 * x + acc
        x = h5
        acc = r0 * x + acc
        x = h4
        acc = r1 * x + acc
        x = h3
        acc = r2 * x + acc
        x = h2
        acc = r3 * x + acc
        x = h1
        acc = r4 * x + acc
        x = h0
        acc = r5 * x + acc
        g5 = acc & 0x1FFF
        acc = int(uint(acc) >> 13)
        acc = r6 * x + acc
        x = h1
        acc = r5 * x + acc
        x = h2
        acc = r4 * x + acc
        x = h3
        acc = r3 * x + acc
        x = h4
        acc = r2 * x + acc
        x = h5
        acc = r1 * x + acc
        x = h6
        acc = r0 * x + acc
        x = h7
        acc = s9 * x + acc
        x = h8
        acc = s8 * x + acc
        x = h9
        acc = s7 * x + acc
        g6 = acc & 0x1FFF
        acc = int(uint(acc) >> 13)
        acc = s8 * x + acc
        x = h8
        acc = s9 * x + acc
        x = h7
        acc = r0 * x + acc
        x = h6
        acc = r1 * x + acc
        x = h5
        acc = r2 * x + acc
        x = h4
        acc = r3 * x + acc
        x = h3
        acc = r4 * x + acc
        x = h2
        acc = r5 * x + acc
        x = h1
        acc = r6 * x + acc
        x = h0
        acc = r7 * x + acc
        g7 = acc & 0x1FFF
        acc = int(uint(acc) >> 13)
        acc = r8 * x + acc
        x = h1
        acc = r7 * x + acc
        x = h2
        acc = r6 * x + acc
        x = h3
        acc = r5 * x + acc
        x = h4
        acc = r4 * x + acc
        x = h5
        acc = r3 * x + acc
        x = h6
        acc = r2 * x + acc
        x = h7
        acc = r1 * x + acc
        x = h8
        acc = r0 * x + acc
        x = h9
        acc = s9 * x + acc
        g8 = acc & 0x1FFF
        acc = int(uint(acc) >> 13)
        acc = r0 * x + acc
        x = h8
        acc = r1 * x + acc
        x = h7
        acc = r2 * x + acc
        x = h6
        acc = r3 * x + acc
        x = h5
        acc = r4 * x + acc
        x = h4
        acc = r5 * x + acc
        x = h3
        acc = r6 * x + acc
        x = h2
        acc = r7 * x + acc
        x = h1
        acc = r8 * x + acc
        x = h0
        acc = r9 * x + acc
        g9 = acc & 0x1FFF
        acc = int(uint(acc) >> 13)
        g0 = acc * 5 + g0
        g1 = (g0 >> 13) + g1
        g0 = g0 & 0x1FFF
        m += 16
        n -= 1
    state[0] = g0
    state[1] = g1
    state[2] = g2
    state[3] = g3
    state[4] = g4
    state[5] = g5
    state[6] = g6
    state[7] = g7
    state[8] = g8
    state[9] = g9


@micropython.viper
def pad(out: ptr8, data: ptr8, at: int, n: int):
    """out[:16] = data[at:at + n] and zeros, for n below 16."""
    i = 0
    while i < 16:
        out[i] = data[at + i] if i < n else 0
        i += 1


@micropython.viper
def finish(state: ptr32, out: ptr8, at: int):
    """out[at:at + 16] = (h modulo p) + s, modulo 2**128."""
    tag = ptr8(int(out) + at)
    carry = 0
    for _ in range(2):  # the second pass takes what the first wrapped around from the top
        i = 0
        while i < 10:
            carry += state[i]
            state[i] = carry & 0x1FFF
            carry >>= 13
            i += 1
        carry *= 5
    carry = 5  # 1 leaves the top exactly when h >= p; then h - p is h + 5 less that bit
    i = 0
    while i < 10:
        carry = (carry + state[i]) >> 13
        i += 1
    carry *= 5
    bits = 0
    have = 0
    j = 0
    s = ptr8(state)
    i = 0
    total = 0
    while i < 16:
        while have < 8:
            carry += state[j]
            bits |= (carry & 0x1FFF) << have
            carry >>= 13
            have += 13
            j += 1
        total += (bits & 0xFF) + s[80 + i]
        tag[i] = total
        total >>= 8
        bits >>= 8
        have -= 8
        i += 1


@micropython.viper
def differs(tag: ptr8, data: ptr8, at: int) -> int:
    """0 when tag[:16] is data[at:at + 16]; looks at every byte, whatever they hold."""
    found = 0
    i = 0
    while i < 16:
        found |= tag[i] ^ data[at + i]
        i += 1
    return found
