"""Sources that a peer has this board run (docs/console.md). It leaves the heap afterwards."""

import asyncio

from dsoftbus.service.status import CallError

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus_aio.connection import Connection


BAD_REQUEST = 1  # numbers of errors
BUSY = 2
_PART = 256  # characters of output in one part
_TRACEBACK = 1000  # characters of the last part
_OUTPUT_MAX = 65536


def run(connection: "Connection", value: "Any") -> "Run":
    """The handler of `dsoftbus/console/run`. Raises CallError for a request that is none."""
    source, data = value if isinstance(value, list) and len(value) == 2 else (value, b"")
    if not isinstance(source, str) or not isinstance(data, bytes):
        raise CallError(BAD_REQUEST, "a source, or [source, bytes]")
    line: Any = connection.answering
    if line.console is None:
        line.console = Console(connection)
    return Run(line.console, source, data)


def reset(connection: "Connection", _value: "Any") -> None:
    """The handler of `dsoftbus/console/reset`."""
    from dsoftbus_aio.services.restart import restart  # as it says

    bus = connection.bus
    bus.spawn(restart(bus, bus.update_place().reset))


HANDLERS = {"dsoftbus/console/run": run, "dsoftbus/console/reset": reset}


class Console:
    """The names of one session's sources, and what runs of them."""

    def __init__(self, connection: "Connection") -> None:
        self.bus = connection.bus
        self.running: Run | None = None
        value_bytes = connection.session.local.profile.value_bytes
        self.most = min(value_bytes, _OUTPUT_MAX)  # characters of output
        self.names = {
            "__name__": "console",
            "bus": self.bus,
            "peer": connection,
            "print": self.print,
        }

    def print(self, *args: "Any", **named: "Any") -> None:
        """Stands for `print` in sources: what it prints while one runs is its output."""
        if self.running is None or "file" in named:
            print(*args, **named)  # noqa: T201 - as the source would have it
        else:
            text = named.get("sep", " ").join([str(arg) for arg in args])
            self.running.say(text + named.get("end", "\n"))


class Run:
    """One source, whose output is the parts of a reply."""

    def __init__(self, console: Console, source: str, data: bytes) -> None:
        self._console = console
        self._source = source
        self._data = data
        self._begun = False
        self._said = 0  # characters
        self._text = ""  # of the part to come
        self._parts: list[Any] = []

    def __aiter__(self) -> "Run":
        return self

    async def __anext__(self) -> "Any":
        if not self._begun:
            self._begun = True
            await self._finish()
        if not self._parts:
            raise StopAsyncIteration
        return self._parts.pop(0)

    def say(self, text: str) -> None:
        """Adds output. Raises OSError for more than there may be."""
        self._said += len(text)
        if self._said > self._console.most:
            raise OSError("more output than %d characters" % self._console.most)
        self._text += text
        while len(self._text) >= _PART:
            self._parts.append(self._text[:_PART])
            self._text = self._text[_PART:]

    async def _finish(self) -> None:
        """Runs the source to its end, and has the parts."""
        console = self._console
        if console.running is not None:
            raise CallError(BUSY, "another source of this session runs")
        console.running = self
        console.names["data"] = self._data
        error: BaseException | None = None
        try:
            await self._evaluate(console.names)
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as raised:  # noqa: BLE001 - whatever the source raises
            error = raised
        finally:
            console.running = None
            del console.names["data"]
        self._end(error)

    async def _evaluate(self, names: "dict[str, Any]") -> None:
        code = _expression(self._source)
        if code is None:
            exec(compile(self._source, "console", "exec"), names)
            return
        value = eval(code, names)
        if _is_awaited(value):
            value = await value
        if value is not None:
            self.say(repr(value) + "\n")

    def _end(self, error: "BaseException | None") -> None:
        result = self._console.names.pop("result", None)
        if self._text:
            self._parts.append(self._text)
        if isinstance(result, bytes):
            self._parts.append(result)
        if error is not None:
            text = self._console.bus.traceback(error)
            self._parts.append([text[-_TRACEBACK:]])


def _is_awaited(value: "Any") -> bool:
    """Returns whether it is a coroutine, or what `asyncio.sleep` gives on MicroPython: one object
    for all, which is out of order until somebody awaits it."""
    is_coroutine = hasattr(value, "send") and hasattr(value, "throw")
    return is_coroutine or type(value).__name__ == "SingletonGenerator"


def _expression(source: str) -> "Any":
    """The code of an expression, or None for what is none."""
    if "\n" in source:
        return None
    try:
        return compile(source, "console", "eval")
    except SyntaxError:
        return None
