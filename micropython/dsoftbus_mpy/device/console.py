"""A node that a person or a program talks to in lines: `micropython -m dsoftbus_mpy node`.

The line `help` lists the others (`HELP`). Events are printed, one line each.
"""

# Public

import asyncio
import json
import sys

from dsoftbus.const import (
    EV_CLONED_KEY,
    EV_DENIED,
    EV_KEY_DUE,
    EV_KEY_MOVED,
    EV_NAME_WARNING,
    EV_OFFLINE,
    EV_ONLINE,
    EV_PAIR_DIGITS,
    EV_PAIR_FAILED,
    EV_PAIRED,
    EV_UNPAIRED,
    U30_MAX,
)
from dsoftbus.errors import BAD_ARGUMENT, BusError, LocalError, label
from dsoftbus.identity import device_id, looks_like_id
from dsoftbus.trust.acl import rule
from dsoftbus.trust.hints import advice
from dsoftbus.trust.naming import find
from dsoftbus_aio.housekeeping import Housekeeping
from dsoftbus_mpy.base.display import shown, word
from dsoftbus_mpy.device.next_key_file import KeyChange
from dsoftbus_mpy.discovery import Discovery
from dsoftbus_mpy.runtime import ready

_WORDS = {
    EV_ONLINE: "online",
    EV_OFFLINE: "offline",
    EV_DENIED: "denied",
    EV_PAIRED: "paired",
    EV_PAIR_FAILED: "failed",
    EV_NAME_WARNING: "warning",
    EV_UNPAIRED: "unpaired",
    EV_KEY_MOVED: "moved",
    EV_CLONED_KEY: "cloned",
}


HELP = """\
peers                        who is there: `peer ID NAME online trusted`
open                         takes pairings for five minutes
pair PEER                    asks a peer to pair
yes DIGITS                   agrees to the digits that both sides show
no                           does not
unpair PEER                  trusts a peer no more
allow PEER in|out|both NAME  adds a rule
deny PEER in|out|both NAME   the same, against
echo PEER TEXT               opens the stream `echo` and prints `echo TEXT`
call PEER NAME VALUE         calls, as JSON has the value, and prints `answer VALUE`
publish NAME VALUE           publishes a state, as JSON has it
rotate SECONDS               gives this node a new key once it has run so long; peers hear of it
rotate cancel                takes that back
help                         this list
quit                         says goodbye
A PEER is an id, a name, or the beginning of an id."""


class Console:
    """Drives `bus`, whose guard has the store of `file`, by lines from `stdin`."""

    def __init__(self, bus, file, key_path: str, port: int, **discovery):
        self._bus = bus
        self._guard = bus.node.guard
        bus.call("echo", about="what it is asked")(lambda _caller, value: value)
        self._key_path = key_path
        self._over = asyncio.Event()
        self._change = KeyChange(bus, key_path)
        self._housekeeping = Housekeeping(bus, self._on_event, file, self._change)
        self._housekeeping.start()
        self._discovery = Discovery(bus, self._housekeeping, port, services=("echo",), **discovery)
        self._commands: dict = {
            "help": self._help,
            "peers": self._peers,
            "open": self._open,
            "pair": self._pair,
            "yes": self._yes,
            "no": self._no,
            "unpair": self._unpair,
            "allow": self._allow,
            "deny": self._deny,
            "echo": self._echo,
            "call": self._call,
            "publish": self._publish,
            "rotate": self._rotate,
        }

    async def run(self) -> bool:
        """Runs until `quit` or the end of the input (False), or until the node has a new key and
        is to restart (True)."""
        reading = asyncio.create_task(self._read())
        await self._over.wait()
        again = not reading.done()
        reading.cancel()
        self._discovery.stop()
        self._housekeeping.stop()
        return again

    async def _read(self) -> None:
        line = await _read_line()
        while line and line.strip() != "quit":
            try:
                await self._run(line.split())
            except (BusError, OSError) as error:
                print("error", shown(error))
            line = await _read_line()
        self._over.set()

    async def _run(self, words) -> None:
        if words:
            if words[0] not in self._commands:
                raise LocalError(BAD_ARGUMENT, words[0] + ": no such line; `help` lists them")
            try:
                await self._commands[words[0]](*words[1:])
            except TypeError:  # more words or fewer than the command takes
                raise LocalError(BAD_ARGUMENT, " ".join(words))

    async def _help(self) -> None:
        print(HELP)

    async def _peers(self) -> None:
        for peer in self._bus.node.peers:
            trusted = self._guard.store.get(peer.id) is not None
            print(
                "peer",
                peer.id,
                word(peer.name),
                "online" if peer.online else "offline",
                "trusted" if trusted else "stranger",
            )

    async def _open(self) -> None:
        self._guard.desk.open(self._bus.now())
        self._discovery.announce_soon()

    async def _pair(self, who: str) -> None:
        connection = await self._connect(who)
        self._guard.pair(connection.session, self._bus.now())

    async def _yes(self, digits: str) -> None:
        self._guard.confirm(digits)

    async def _no(self) -> None:
        self._guard.cancel()

    async def _unpair(self, who: str) -> None:
        self._bus.node.unpair(who if looks_like_id(who) else self._find(who, ()))

    async def _allow(self, who: str, direction: str, name: str) -> None:
        self._add_rule("allow", who, direction, name)

    async def _deny(self, who: str, direction: str, name: str) -> None:
        self._add_rule("deny", who, direction, name)

    def _add_rule(self, effect: str, who: str, direction: str, name: str) -> None:
        if who not in ("paired", "*") and not looks_like_id(who):
            who = self._find(who, ())
        self._guard.store.add_rule(rule("%s %s %s %s" % (effect, direction, who, name)))
        self._guard.recheck()
        self._housekeeping.wake()
        text = advice(name, list(self._bus.handlers))  # the rule stands, whatever it matches
        if text:
            print("note", text)

    async def _echo(self, who: str, text: str) -> None:
        connection = await self._connect(who)
        async with await connection.open("echo") as stream:
            await stream.write(text.encode())
            await stream.finish()
            print("echo", shown(_text(await stream.readexactly(len(text.encode())))))

    async def _call(self, who: str, name: str, *text) -> None:
        connection = await self._connect(who)
        print("answer", shown(json.dumps(await connection.call(name, _value(text)))))

    async def _publish(self, name: str, *text) -> None:
        self._bus.publish(name, _value(text))

    async def _rotate(self, seconds: str) -> None:
        from dsoftbus_mpy.device.next_key_file import cancel, plan

        if seconds == "cancel":
            cancel(self._key_path)
            self._change.follow()
            print("keeps", self._bus.id)
            return
        if not seconds.isdigit() or not 0 < int(seconds) <= U30_MAX:
            raise LocalError(BAD_ARGUMENT, seconds)
        plan(self._key_path, int(seconds), self._bus.node.local.random)
        self._change.follow()
        print("rotating", device_id(self._guard.rotation.next_pair.public), seconds)

    async def _connect(self, who: str):
        """The session with a peer, or a new one at the places where it was heard of."""
        device = self._find(who)
        live = self._bus.connections(device)
        if live:
            return live[0]
        peers = self._bus.node.peers
        peer = peers.attempt(device, self._bus.now())
        failure = None
        for _, host, port in peer.routes():
            try:
                return await self._bus.connect(host, port, peer.public)
            except (BusError, OSError) as error:
                failure = error
        peers.failed(device, self._bus.now())
        raise failure or LocalError(BAD_ARGUMENT, "no way to " + who)

    def _find(self, who: str, heard=None) -> str:
        """The id that a person means: what changes trust is for those who are trusted, and takes
        no name that a stranger announces."""
        heard = self._bus.node.peers if heard is None else heard
        device = find(who, self._guard.store, heard)
        if not device:
            raise LocalError(BAD_ARGUMENT, "nobody of that name or id: " + who)
        return device

    def _on_event(self, event) -> None:
        if event.kind == EV_PAIR_DIGITS:
            print("digits", event.about.pairing.digits, event.peer, word(event.name))
        elif event.kind == EV_KEY_DUE:
            print("rotated", device_id(event.about.next_pair.public))
            self._over.set()
        elif event.kind in _WORDS:
            print(_WORDS[event.kind], event.peer, word(event.name), _about(event))


def _value(words):
    try:
        return json.loads(" ".join(words))
    except ValueError:
        raise LocalError(BAD_ARGUMENT, " ".join(words) + ": no JSON")


def _about(event) -> str:
    """Says why it happened, or whose name is like that of the peer; "-" for nothing."""
    if event.kind == EV_NAME_WARNING:
        return event.about.id + " " + word(event.about.name)
    return label(event.code) if event.code else "-"


def _text(data: bytes) -> str:
    """Returns the peer's data as text, or their `repr` if they are none."""
    try:
        return data.decode()
    except UnicodeError:
        return repr(data)


async def _read_line() -> str:
    """A line of the standard input; "" at its end."""
    await ready(sys.stdin)
    return sys.stdin.readline()
