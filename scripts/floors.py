"""The floors of each package: what may import what; written into docs/architecture.md.

A room is a module at the top of a package, or a folder. It imports only from floors below its own,
and from packages below its package. tests/host/test_house.py holds the code to this table.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- written by make docs-floors -->\n"
END = "<!-- until here -->\n"

# The lowest first, as everywhere here. The face of a package (`__init__`) stands above all.
PACKAGES = (
    ("core/dsoftbus",),
    ("core/dsoftbus_sim", "core/dsoftbus_aio"),
    ("host/dsoftbus_host", "micropython/dsoftbus_mpy"),
)
FLOORS = {
    "dsoftbus": (
        "errors const",
        "base identity",
        "crypto record mqtt",
        "noise packet mux",
        "line resume",
        "handshake",
        "session",
        "discovery trust",
        "service broker",
        "share",
        "update",
        "node pump datagram_pump",
        "hub",
    ),
    "dsoftbus_sim": (
        "chance faults",
        "world scenarios",
        "network pipe",
        "node",
        "trial bottleneck",
    ),
    "dsoftbus_aio": (
        "stream runtime housekeeping echo naming path_text moving",
        "message_stream discovery presence services",
        "connection sleepers",
        "datagram_port stream_port reconnecting_session line_discovery",
        "line_port hub_port calling peer",
        "bus",
    ),
    "dsoftbus_host": (
        "address clock crypto display interrupt json_values link_source loaded_core logging_source"
        " other_key",
        "contained event_loop storage",
        "links key_file runtime files broker",
        "bare_bus board upkeep discovery",
        "bus bridge gateway update",
        "cli",
    ),
    "dsoftbus_mpy": (
        "base capabilities clock uart_port kernels profiles links serial",
        "console_port crypto key_file trust_file folder wifi watchdog wall_clock discovery loop"
        " loop_serial",
        "runtime noise_source services",
        "entropy",
        "node",
        "bare_bus",
        "device sleeper",
        "bus board board_minimal __main__",
    ),
}
# The command line shows people the simulator, which the host under it does not use.
ALSO = {"dsoftbus_host.cli.demo.sim": {"dsoftbus_sim"}}


def floor_of(package: str) -> dict[str, int]:
    """Maps each room to its floor."""
    floors = enumerate(FLOORS[package], 1)
    return {room: floor for floor, rooms in floors for room in rooms.split()}


def below(package: str) -> set[str]:
    """The packages that `package` may import."""
    stories = [{path.split("/")[1] for path in story} for story in PACKAGES]
    own = next(i for i, story in enumerate(stories) if package in story)
    return set().union(*stories[:own])


def rooms(folder: Path) -> dict[str, Path]:
    """Maps each room in the folder of a package to its file, of a folder the `__init__`."""
    found = {file.stem: file for file in folder.glob("*.py") if file.stem != "__init__"}
    return found | {file.parent.name: file for file in folder.glob("*/__init__.py")}


def page() -> str:
    """docs/architecture.md with the table as it is now."""
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    return head + BEGIN + "\n".join(_tables()) + "\n" + END + rest.split(END)[1]


def _tables() -> Iterator[str]:
    for path in (path for story in reversed(PACKAGES) for path in reversed(story)):
        yield from ("", f"### {path}", "", "| floor | room | what is there |", "|---|---|---|")
        yield from _rows(ROOT / path)
    yield ""


def _rows(folder: Path) -> Iterator[str]:
    files = rooms(folder)
    for room, floor in reversed(floor_of(folder.name).items()):
        if room in files:
            name = f"{room}/" if files[room].name == "__init__.py" else room
            yield f"| {floor} | `{name}` | {_about(files[room])} |"


def _about(file: Path) -> str:
    """The first sentence of a file's docstring."""
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    sentence = " ".join(said.split("\n\n")[0].split()).split(". ")[0]
    return sentence.rstrip(".").replace("|", "\\|")


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote the floors in {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
