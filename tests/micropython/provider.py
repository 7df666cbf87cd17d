"""Answers on stdout what the suite of this MicroPython makes of each line on stdin.

A line is a suite's code, a verb and its arguments in hex; an answer is hex, or "refused".
"""

import sys
from binascii import hexlify, unhexlify

from dsoftbus_mpy import crypto


def seal(suite, key, n, ad, plain) -> bytes:
    out = bytearray(len(plain) + 16)
    nonce = int.from_bytes(n, "big")
    end = suite.cipher(key).seal(nonce, ad, plain, 0, len(plain), out, 0)
    return bytes(out[:end])


def open_(suite, key, n, ad, sealed):
    out = bytearray(len(sealed))
    nonce = int.from_bytes(n, "big")
    end = suite.cipher(key).open(nonce, ad, sealed, 0, len(sealed), out, 0)
    return None if end < 0 else bytes(out[:end])


VERBS = {
    "public": lambda suite, secret: suite.keypair(secret).public,
    "exchange": lambda suite, secret, public: suite.keypair(secret).exchange(public),
    "digest": lambda suite, data: suite.hash.digest(data),
    "hmac": lambda suite, key, data: suite.hash.hmac(key, data),
    "seal": seal,
    "open": open_,
}


def main() -> None:
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        code, verb, arguments = line.rstrip("\n").split(" ", 2)
        values = [unhexlify(value) for value in arguments.split(",")]
        answer = VERBS[verb](crypto.suite(int(code)), *values)
        print("refused" if answer is None else hexlify(answer).decode())


if __name__ == "__main__":
    main()
