"""The client that a test starts instead of a command: see `command`. It imports nothing but
built-in modules.

python -I -S command_client.py SOCKET WARNINGS WORDS...
"""

import _signal
import _socket
import os
import sys

LENGTH = 8  # as in `command`


def main(path: str, warning: str, *words: str) -> int:
    """Has the command run; returns its exit status, or less than 0 for the signal it died of."""
    environment = (f"{name}={value}" for name, value in os.environ.items())
    fields = (warning, os.getcwd(), str(len(words)), *words, *environment)
    data = b"\0".join(map(os.fsencode, fields))
    data = len(data).to_bytes(LENGTH, "little") + data
    streams = b"".join(fd.to_bytes(4, sys.byteorder) for fd in range(3))
    way = _socket.socket(_socket.AF_UNIX)
    way.connect(path)
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)
    sent = way.sendmsg([data], [rights])
    if sent < len(data):  # else the command may have ended already
        way.sendall(data[sent:])

    def pass_on(number, _frame):
        try:
            way.send(bytes((number,)))
        except OSError:  # it has ended
            return

    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, pass_on)
    return int.from_bytes(way.recv(4), "little", signed=True)


status = main(*sys.argv[1:])
if status < 0:
    _signal.signal(-status, _signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
