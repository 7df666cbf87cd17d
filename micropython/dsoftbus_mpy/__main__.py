"""A node as a program: `micropython -m dsoftbus_mpy`."""

# Ours

import asyncio
import binascii
import sys

import dsoftbus_mpy.base.collector  # noqa: F401 - first, as it says
from dsoftbus.errors import BAD_ARGUMENT, BusError, LocalError, Unsupported
from dsoftbus_aio.echo import serve_echo
from dsoftbus_mpy import entropy, folder, key_file, profiles
from dsoftbus_mpy.bare_bus import ANYONE, BareBus
from dsoftbus_mpy.base.display import shown
from dsoftbus_mpy.base.secret_files import noted

_USAGE = """\
id [--key FILE]                                  this node's id and public key
serve --allow HEXKEY [--port N] [--host HOST] [--key FILE] [--name NAME] [--dir DIR]
      [--quota BYTES]                            `--anyone` instead of `--allow` lets everybody in;
                                                 stores and serves files in DIR, a folder for
                                                 that and nothing else; without --dir: `files`
send FILE HOST:PORT HEXKEY [--key FILE]          stores a file or a folder with a node that serves
fetch NAME HOST:PORT HEXKEY [--key FILE] [--dir DIR]
                                                 a file, a folder or a pattern such as `*.txt`;
                                                 neither replaces a file, but with --replace
ls HOST:PORT HEXKEY [PATTERN] [--key FILE]       files that a node has for this one
node [--trust FILE] [--host HOST] [--port N] [--key FILE] [--name NAME]
     [--broadcast HOST] [--discovery N]           a node that takes commands in lines

`--link tcp|udp|auto` goes with serve, send, fetch and ls.
`serve` and `node` print `listening PORT HEXKEY ID` when ready. `serve` runs until it
is interrupted, `node` until `quit`; its line `help` lists its commands."""
_FOLDER = "files"
_FLAGS = ("--anyone", "--replace")
_DEFAULTS = {
    "--key": "dsoftbus.key",
    "--name": "",
    "--host": "0.0.0.0",
    "--port": "0",
    "--allow": "",
    "--anyone": "",
    "--replace": "",
    "--quota": "",
    "--dir": "",  # serve: a folder of its own; fetch: the current one
    "--link": "tcp",
    "--trust": "trust.json",
    "--broadcast": "255.255.255.255",
    "--discovery": "37020",
}


def parse(arguments) -> tuple:
    """(positional arguments, options by name); every option but `_FLAGS` takes a value."""
    options = dict(_DEFAULTS)
    words = []
    at = 0
    while at < len(arguments):
        word = arguments[at]
        if word in _FLAGS:
            options[word] = word
        elif word.startswith("--"):
            if word not in options or at + 1 == len(arguments):
                raise LocalError(BAD_ARGUMENT, word)
            at += 1
            options[word] = arguments[at]
        else:
            words.append(word)
        at += 1
    return words, options


def public_key(text: str) -> bytes:
    """The 32 bytes of a key in hexadecimal."""
    try:
        key = binascii.unhexlify(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise LocalError(BAD_ARGUMENT, "a public key is 64 hex digits")
    return key


def number(text: str) -> int:
    if not text.isdigit():
        raise LocalError(BAD_ARGUMENT, "a number, not " + text)
    return int(text)


def place(text: str) -> tuple:
    """(host, port) of `HOST:PORT`. Raises Unsupported for an IPv6 address, `[::1]:PORT`."""
    host, _, port = text.rpartition(":")
    if ":" in host or host[:1] == "[":
        raise Unsupported("IPv6: links here are IPv4, and " + host + " is not")
    return host, number(port)


def make_bus(options) -> BareBus:
    secret = key_file.load_or_make(options["--key"], entropy.source())
    return BareBus(secret, options["--name"], profiles.fitting(), allowed(options))


def allowed(options):
    """Returns the keys of peers that may begin sessions with this node, or None if no option
    says."""
    if options["--anyone"]:
        return ANYONE
    return (public_key(options["--allow"]),) if options["--allow"] else None


async def serve(options) -> None:
    async with make_bus(options) as bus:
        quota = number(options["--quota"]) if options["--quota"] else None
        bus.share(options["--dir"] or folder.make(_FOLDER), quota)
        serve_echo(bus)
        if allowed(options) is None:
            raise LocalError(BAD_ARGUMENT, "who may connect? --allow HEXKEY, or --anyone")
        port = await bus.listen(options["--host"], number(options["--port"]), options["--link"])
        print("listening", port, hex_of(bus.public), bus.id)
        await asyncio.Event().wait()


async def run_node(options) -> bool:
    """A node with discovery and a trust store, on the standard input; True when it has a new key
    and is to restart."""
    from dsoftbus.trust.acl import grant
    from dsoftbus.trust.guard import Guard
    from dsoftbus_mpy.device.boot_counter import count_start
    from dsoftbus_mpy.device.console import Console
    from dsoftbus_mpy.device.next_key_file import load
    from dsoftbus_mpy.trust_file import StoreFile

    random = entropy.source()
    profile = profiles.fitting()
    file = StoreFile(options["--trust"], profile)
    if file.damaged:
        print("damaged", shown(file.damaged))
    guard = Guard(file.store, random, None, [grant("allow both *")])
    secret = load(options["--key"], random)
    async with BareBus(secret, options["--name"], profile, guard=guard) as bus:
        serve_echo(bus)
        port = await bus.listen(options["--host"], number(options["--port"]))
        console = Console(
            bus,
            file,
            options["--key"],
            port,
            sequence=count_start(options["--key"] + ".starts"),
            address=options["--host"],
            broadcast=options["--broadcast"],
            discovery_port=number(options["--discovery"]),
        )
        print("listening", port, hex_of(bus.public), bus.id)
        return await console.run()


async def send(path: str, address: str, key: str, options) -> None:
    async with make_bus(options) as bus, await connect(bus, address, key, options) as connection:
        show(await connection.send(path, replace=bool(options["--replace"])))


async def fetch(name: str, address: str, key: str, options) -> None:
    async with make_bus(options) as bus, await connect(bus, address, key, options) as connection:
        into = options["--dir"] or "."
        show(await connection.fetch(name, into, replace=bool(options["--replace"])))


async def list_files(address: str, key: str, pattern: str, options) -> None:
    async with make_bus(options) as bus, await connect(bus, address, key, options) as connection:
        for shared in await connection.files(pattern):
            print(shared.size, shown(shared.name))


def show(moved) -> None:
    """Prints the SHA-256 and the name of each file that was moved."""
    for shared in moved:
        print(hex_of(shared.digest), shown(shared.name))


async def connect(bus: BareBus, address: str, key: str, options):
    host, port = place(address)
    return await bus.connect(host, port, public_key(key), link=options["--link"])


def show_id(options) -> None:
    bus = make_bus(options)
    print(bus.id, hex_of(bus.public))


def hex_of(data: bytes) -> str:
    return binascii.hexlify(data).decode()


def main(arguments) -> int:
    """Runs one command; the exit status."""
    try:
        words, options = parse(arguments)
        noted.append(options["--trust"])  # also where the command does not read it
        command = words.pop(0) if words else ""
        if command == "id" and not words:
            show_id(options)
        elif command == "serve" and not words:
            asyncio.run(serve(options))
        elif command == "node" and not words:
            while asyncio.run(run_node(options)):
                asyncio.new_event_loop()
        elif command == "send" and len(words) == 3:
            asyncio.run(send(words[0], words[1], words[2], options))
        elif command == "fetch" and len(words) == 3:
            asyncio.run(fetch(words[0], words[1], words[2], options))
        elif command == "ls" and 2 <= len(words) <= 3:
            asyncio.run(list_files(words[0], words[1], "".join(words[2:]), options))
        else:
            print(_USAGE, file=sys.stderr)
            return 2
    except (BusError, OSError) as error:
        print(shown(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
