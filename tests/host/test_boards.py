"""The folders of boards/: what is generated there is fresh, whole, and lands where it imports."""

import ast
import functools
import json
import re
from pathlib import Path

import pytest

import boards as generated
import memory_boards
from dsoftbus.const import SMALL, TINY
from dsoftbus.errors import LocalError
from dsoftbus_host.board import remote
from dsoftbus_host.board.make import boards, compiler, slices
from portable import ROOT

NAMES = ("esp32", "esp32_c3", "esp32_s3", "pybv11", "rpi_pico", "rpi_pico_w", "unix")


def test_the_boards_are_those_of_the_folders():
    assert tuple(boards.every()) == NAMES


def test_what_is_generated_is_fresh():
    for path, text in generated.everything().items():
        assert path.read_text() == text, f"{path}: run `make boards`"


@pytest.mark.parametrize("name", NAMES)
def test_a_board_has_all_its_parts(name):
    board = boards.find(name)
    assert set(board.slices) <= set(slices.SLICES)
    carried_by = {"console": "console", "uart": "uart", "wifi": "wifi", "network": "stream"}
    assert {carried_by[link] for link in board.links} <= set(slices.closure(board.slices))
    assert b"dsoftbus_mpy" in board.main
    assert json.loads(board.config)["name"] == "board"


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_has_every_limit_and_none_above_its_model(name):
    said = {}
    exec(boards.find(name).profile_source(), said)
    model = TINY if name == "pybv11" else SMALL
    limits = {key for key in vars(model) if key[0] != "_"}
    own = vars(said["PROFILE"])
    assert limits <= set(own)
    for key in limits - {"handshake_ms", "keepalive_ms", "close_ms"}:
        least = 0 if key == "path_model" else 1  # a choice, and no limit
        assert least <= own[key] <= getattr(model, key), key
    assert set(said) >= {"UART", "LED", "ADC"}


class Manifest:
    """A manifest as MicroPython's build reads it: its API for `FROZEN_MANIFEST`."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.files: dict[str, Path] = {}
        self.included: list[str] = []
        api = {"include": self.included.append, "module": self.module, "package": self.package}
        exec(path.read_text(), api)

    def module(self, module_path, base_path="."):
        self._add(module_path, base_path)

    def package(self, package_path, files, base_path="."):
        for file in files:
            self._add(f"{package_path}/{file}", base_path)

    def _add(self, target, base_path):
        assert target not in self.files
        self.files[target] = (self.folder / base_path / target).resolve(strict=True)


@functools.cache  # most boards have most of them
def bases(path: Path) -> list[str]:
    """Returns where ours lie that a source imports at once, without their endings."""
    body = ast.parse(path.read_text()).body
    modules = [node.module for node in body if isinstance(node, ast.ImportFrom)]
    return [module.replace(".", "/") for module in modules if module.startswith("dsoftbus")]


def is_whole(files: dict[str, Path]) -> bool:
    """Returns whether these sources hold all of ours that they import at once."""
    for target, path in files.items():
        for base in bases(path):
            assert f"{base}.py" in files or f"{base}/__init__.py" in files, f"{target}: {base}"
    return True


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_freezes_all_that_the_board_needs(name):
    board = boards.find(name)
    manifest = Manifest(board.folder / "manifest.py")
    assert manifest.included == [board.firmware]
    names = slices.made_for(board.architecture, board.slices)
    wanted = {compiler.on_board(module) for module in slices.modules(names)}
    assert set(manifest.files) >= wanted | {"dsoftbus_profile.py"}
    assert is_whole(manifest.files)


def packages():
    return [ROOT / "package.json", *(boards.find(name).folder / "package.json" for name in NAMES)]


@pytest.mark.parametrize("path", packages(), ids=lambda path: path.parent.name)
def test_every_url_of_a_package_leads_to_a_file_that_lands_where_it_is_imported(path):
    said = json.loads(path.read_text())
    assert said["version"] == "0.1.0" and said["deps"] == []
    files = {target: (path.parent / url).resolve(strict=True) for target, url in said["urls"]}
    assert len(files) == len(said["urls"])
    node = "board_minimal" if path.parent.name == "pybv11" else "board"
    assert "dsoftbus_profile.py" in files and f"dsoftbus_mpy/{node}.py" in files
    assert is_whole(files)


def test_the_package_at_the_top_needs_no_path_upwards():
    """raw files of a web server: a client of MicroPython sends `..` as it is."""
    assert ".." not in (ROOT / "package.json").read_text()


PAGE = (ROOT / "docs" / "boards.md").read_text()
THE_BOARDS = PAGE[PAGE.index("## The boards") : PAGE.index("## Memory")]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_boards_has_the_profile_and_the_pins(name):
    board = boards.find(name)
    (row,) = re.findall(rf"^\| `{name}` \|(.*)\|$", THE_BOARDS, re.MULTILINE)
    _, links, profile, uart, led, adc = (cell.strip() for cell in row.split("|"))
    assert ("Wi-Fi" in links) == ("wifi" in board.links)
    assert re.search(r"(\d) session", profile)[1] == str(board.profile.sessions)
    assert profile.startswith(board.profile.__mro__[1].__name__)
    own = board.pins["UART"]
    assert uart == ", ".join(map(str, own)) or own in ((), (1, None, None))
    assert led == str(board.pins["LED"] or "none")
    assert adc == str(board.pins["ADC"]) or board.pins["ADC"] is None


def test_the_page_of_boards_has_the_memory_of_each():
    assert memory_boards.page(PAGE) == PAGE, "run `make memory`"


@pytest.mark.parametrize("name", NAMES)
def test_what_a_board_holds_grows_with_what_it_does(name):
    held = json.loads(boards.find(name).memory.read_text())
    assert set(held) == {"heap", "rom"}
    for figures in held.values():
        idle, session, handshake, transfer = (figures[key] for key in memory_boards.FIGURES)
        assert 0 < idle < session < transfer and idle < handshake
    assert all(held["rom"][key] < figure for key, figure in held["heap"].items())


def test_the_page_of_boards_has_every_setting():
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE[PAGE.index("## `config.json`") :], re.MULTILINE))
    text = (ROOT / "micropython/dsoftbus_mpy/device/config.py").read_text()
    assert rows == set(re.findall(r"^    \"(\w+)\": \(", text, re.MULTILINE))


@pytest.mark.parametrize(
    "platform, machine, names",
    [
        ("rp2", "Raspberry Pi Pico with RP2040", {"rpi_pico"}),
        ("rp2", "Raspberry Pi Pico W with RP2040", {"rpi_pico", "rpi_pico_w"}),
        ("rp2", "Raspberry Pi Pico 2 W with RP2350", set()),
        ("esp32", "Generic ESP32 module with ESP32", {"esp32"}),
        ("esp32", "Generic ESP32S3 module with ESP32S3", {"esp32_s3"}),
        ("esp32", "ESP32C3 module with ESP32C3", {"esp32_c3"}),
        ("pyboard", "PYBv1.1 with STM32F405RG", {"pybv11"}),
        ("mimxrt", "Teensy 4.0 with MIMXRT1062DVJ6A", set()),
        ("linux", "linux [GCC 14.2.1] version", {"unix"}),
        ("", "", set()),
    ],
)
def test_a_board_is_known_by_what_it_calls_itself(platform, machine, names):
    found = {name for name, known in boards.every().items() if known.is_like(platform, machine)}
    assert found == names


def test_a_board_is_of_the_kind_that_says_most():
    assert boards.like("rp2", "Raspberry Pi Pico W with RP2040").name == "rpi_pico_w"
    assert boards.like("rp2", "Raspberry Pi Pico with RP2040").name == "rpi_pico"
    assert boards.like("linux", "linux [GCC 14.2.1] version").name == "unix"
    with pytest.raises(LocalError):
        boards.like("rp2", "Raspberry Pi Pico 2 W with RP2350")


class Said:
    """A board that says this of itself."""

    def __init__(self, mpy: int) -> None:
        self._mpy = mpy

    def exec(self, program: str) -> bytes:
        return b""

    def eval(self, expression: str) -> int:
        return self._mpy


@pytest.mark.parametrize(
    "number, name", [(4, "armv6m"), (5, "armv7m"), (6, "armv7m"), (7, "armv7emsp"), (9, "xtensa")]
)
def test_no_fpu_is_assumed_of_a_board_that_does_not_name_one(number, name):
    mpy = number << 10 | remote.NATIVE_VERSION << 8 | remote.MPY_VERSION
    assert remote.Remote(Said(mpy)).architecture == name
