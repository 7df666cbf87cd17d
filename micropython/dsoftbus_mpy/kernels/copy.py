"""Moving bytes between buffers without making a view of them; twin of dsoftbus.base.codec.copy."""

import micropython


@micropython.viper
def copy(dst, at: int, src, start: int, n: int):
    """`dst[at:at + n] = src[start:start + n]`; ranges of one buffer may overlap.

    Raises ValueError where a range is outside its buffer: nothing else would stop the writes.
    `at` becomes the address written to, because it is in a register.
    """
    room = int(len(dst))  # noqa: RUF046 - to viper the length is an object
    have = int(len(src))  # noqa: RUF046 - as above
    if at < 0 or start < 0 or n < 0 or at > room - n or start > have - n:
        raise ValueError("copy beyond a buffer")
    at += int(ptr8(dst))
    s = ptr8(int(ptr8(src)) + start)
    if int(s) < at:  # from the end, or an overlap would be read after it was written
        while n:
            n -= 1
            ptr8(at)[n] = s[n]
    while n > 3:
        ptr8(at)[0] = s[0]
        ptr8(at)[1] = s[1]
        ptr8(at)[2] = s[2]
        ptr8(at)[3] = s[3]
        at += 4
        s = ptr8(int(s) + 4)
        n -= 4
    while n:
        ptr8(at)[0] = s[0]
        at += 1
        s = ptr8(int(s) + 1)
        n -= 1
