"""A UDP proxy that loses, doubles and delays datagrams, for tests of both backends."""

import asyncio
import random
import socket


def _bound():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


class Proxy:
    """Between a client and `port`: drops, doubles and reorders, both ways, by its seed."""

    def __init__(self, port, drop=0.05, double=0.02, late=0.05):
        self._target = ("127.0.0.1", port)
        self._chances = drop, double, late
        self._random = random.Random(1)
        self._client = None
        self.inner, self.outer = _bound(), _bound()
        self.port = self.outer.getsockname()[1]
        loop = asyncio.get_running_loop()
        loop.add_reader(self.outer, self._from_client)
        loop.add_reader(self.inner, self._from_server)

    def _from_client(self):
        data, self._client = self.outer.recvfrom(2000)
        self._pass(data, self.inner, self._target)

    def _from_server(self):
        data = self.inner.recv(2000)
        self._pass(data, self.outer, self._client)

    def _pass(self, data, sock, target):
        drop, double, late = (self._random.random() < chance for chance in self._chances)
        if drop:
            return
        delay = self._random.random() * 0.01 if late else 0
        for _ in range(1 + double):
            asyncio.get_running_loop().call_later(delay, self._send, sock, data, target)

    def _send(self, sock, data, target):
        if sock.fileno() >= 0:
            sock.sendto(data, target)

    def close(self):
        for sock in (self.inner, self.outer):
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()


class Copier:
    """Between a client and `port`. A copy of every datagram of the client is at the server first,
    from an address that is not the client's; `got_bytes` came back there, of `sent_bytes`."""

    def __init__(self, port):
        self._target = ("127.0.0.1", port)
        self._client = None
        self.sent_bytes = self.got_bytes = 0
        self.inner, self.outer, self.victim = (_bound() for _ in range(3))
        self.port = self.outer.getsockname()[1]
        loop = asyncio.get_running_loop()
        loop.add_reader(self.outer, self._from_client)
        loop.add_reader(self.inner, self._from_server)
        loop.add_reader(self.victim, self._to_victim)

    def _from_client(self):
        data, self._client = self.outer.recvfrom(2000)
        if data[0] == 4:  # a protected packet
            self.victim.sendto(data, self._target)
            self.sent_bytes += len(data)
        self.inner.sendto(data, self._target)

    def _from_server(self):
        self.outer.sendto(self.inner.recv(2000), self._client)

    def _to_victim(self):
        self.got_bytes += len(self.victim.recv(2000))

    def close(self):
        for sock in (self.inner, self.outer, self.victim):
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()
