"""Write docs/states.md: the states of sessions, streams and Wi-Fi, read from the code's tables."""

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "states.md"
sys.path[:0] = [str(ROOT / "core"), str(ROOT / "micropython")]

from dsoftbus import const  # noqa: E402 - the import root stands above
from dsoftbus.mux import stream_states  # noqa: E402
from dsoftbus.session import session  # noqa: E402

wifi = importlib.import_module("dsoftbus_mpy.wifi")  # of a backend that mypy sees on its own
STEP = 16  # states are multiples of it, triggers are below it
LINE = re.compile(r"^([A-Z_]+) = const\(0x[0-9A-F]+\)(?:  # (.+))?$", re.MULTILINE)

HEAD = """# States

Written by `make docs-states` from the tables in the code; a test holds it to them.
"""
SESSION = """## A session

A trigger is a message of the peer (`REC_...`), or what this side does. `REC_REFUSE` is taken
after the handshake only by an initiator that has not heard a protected record yet. From every
state a lost link, a deadline, a refusal by this side, the peer's `CLOSE` or a fault of the peer
leads to `CLOSED`. What the table does not name is such a fault:
`core.reject.invalid_state_transition`, or `core.reject.unauthenticated_message_path` for a
protected record that comes before there are keys.
"""
STREAM = """## A stream

One table for both sides: a trigger is what this side sends, or what it receives. What the table
does not name is illegal: `mux.reject.invalid_stream_state_transition` resets the stream. In
`CLOSED` data and `FIN` are dropped without more ado, since nobody waits for them any longer.
"""
WIFI = """## A board's Wi-Fi

All states but the pauses make one call of the driver, which gives the trigger: `DONE` (it
returned, and said yes where it says anything), `NO`, `FAILED` (it raised), `REFUSED` (by its
status it has given up) and `LATE` (20 s are over). Before `LEAVE`, and with each `FAILED`, the
program is told why; in `LEARN`, which address the board has now.
"""


def states_of(module: ModuleType) -> dict[int, tuple[str, str]]:
    """State -> its name and what its line says of it."""
    found = {}
    for name, comment in LINE.findall(Path(str(module.__file__)).read_text()):
        found[getattr(module, name)] = (name, comment)
    return found


def triggers_of(module: ModuleType, prefixes: tuple[str, ...]) -> dict[int, str]:
    names = [name for name in vars(module) if name.startswith(prefixes)]
    return {getattr(module, name): name for name in names}


def transitions(module: ModuleType, triggers: dict[int, str]) -> list[tuple[str, str, str]]:
    """(state, trigger, next state), in the order of the code's table."""
    names = states_of(module)
    return [
        (names[key // STEP * STEP][0], triggers[key % STEP], names[after][0])
        for key, after in module.TABLE.items()
    ]


def diagram(rows: list[tuple[str, str, str]], first: list[str]) -> list[str]:
    """Mermaid: one arrow for all triggers between the same two states; none that stay."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for state, trigger, after in rows:
        if state != after:
            arrows.setdefault((state, after), []).append(trigger)
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {state}" for state in first]
    lines += [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in arrows.items()]
    return [*lines, "```", ""]


def table(rows: list[tuple[str, str, str]]) -> list[str]:
    lines = ["| state | trigger | next |", "|---|---|---|"]
    lines += [f"| `{a}` | `{trigger}` | `{b}` |" for a, trigger, b in rows]
    return [*lines, ""]


def meanings(module: ModuleType) -> list[str]:
    lines = ["| state | meaning |", "|---|---|"]
    lines += [
        f"| `{name}` | {comment} |" for name, comment in states_of(module).values() if comment
    ]
    return [*lines, ""]


def page() -> str:
    messages = triggers_of(const, ("REC_",)) | {session.SHUT: "SHUT"}
    of_session = transitions(session, messages)
    of_stream = transitions(stream_states, triggers_of(stream_states, ("SEND_", "RECV_")))
    lines = [HEAD, SESSION, *meanings(session)]
    lines += diagram(of_session, ["AWAIT_INIT", "AWAIT_REPLY"]) + table(of_session)
    lines += [STREAM, *meanings(stream_states), *diagram(of_stream, ["IDLE"]), *table(of_stream)]
    of_wifi = transitions(wifi, triggers_of(wifi, ("DONE", "NO", "FAILED", "REFUSED", "LATE")))
    lines += [WIFI, *meanings(wifi), *diagram(of_wifi, ["MAKE"]), *table(of_wifi)]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(ROOT)}")
