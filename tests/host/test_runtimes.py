"""Each port gives the asyncio layer what its contract says: `dsoftbus_aio.runtime`."""

import ast

import pytest

from portable import ROOT

CONTRACT = ROOT / "core/dsoftbus_aio/runtime.py"
PORTS = [ROOT / "host/dsoftbus_host/runtime.py", ROOT / "micropython/dsoftbus_mpy/runtime.py"]


def classes(file) -> dict:
    """From the name of each class to its methods and what it sets on itself: names of arguments,
    or None where it is no method."""
    found = {}
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            members = {t.id: None for part in node.body for t in getattr(part, "targets", ())}
            for part in ast.walk(node):
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    members[part.name] = [arg.arg for arg in part.args.args]
                elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
                    members.setdefault(part.attr, None)
            found[node.name] = members
    return found


@pytest.mark.parametrize("port", PORTS, ids=lambda file: file.parent.name)
def test_a_port_has_what_the_contract_names(port):
    theirs = classes(port)
    for kind, members in classes(CONTRACT).items():
        for name, arguments in members.items():
            if (kind, name) == ("Signal", "set") and port == PORTS[1]:
                continue  # MicroPython's own Event has it
            assert name in theirs[kind], f"{kind}.{name}"
            assert theirs[kind][name] in (None, arguments), f"{kind}.{name}"


def test_the_layer_asks_no_more_of_a_port_than_the_contract_has():
    """The contract has every method that the layer calls on `runtime`."""
    known = set(classes(CONTRACT)["Runtime"])
    for file in CONTRACT.parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("runtime"):
                assert node.attr in known, f"{file.name}:{node.lineno}: {node.attr}"


FILES = ROOT / "core/dsoftbus_aio/services/share_files.py"
HOST_STORAGE = ROOT / "host/dsoftbus_host/storage"
FILES_OF = {
    "host": (
        {
            **classes(HOST_STORAGE / "shared_folder.py"),
            **classes(HOST_STORAGE / "partial_files.py"),
        },
        {"File": "OpenFile", "Part": "PartFile", "Folder": "SharedFolder", "Files": "LocalFiles"},
    ),
    "micropython": (
        classes(ROOT / "micropython/dsoftbus_mpy/services/shared_files.py"),
        {kind: kind for kind in ("File", "Part", "Folder", "Files")},
    ),
}


@pytest.mark.parametrize("port", FILES_OF)
def test_the_files_of_a_port_are_as_shares_ask_for_them(port):
    theirs, called = FILES_OF[port]
    for kind, members in classes(FILES).items():
        for name, arguments in members.items():
            found = theirs[called[kind]]
            assert name in found, f"{kind}.{name}"
            assert found[name] in (None, arguments), f"{kind}.{name}"
