"""Write what the folders of `boards/` have from elsewhere: from each board's profile, and from the
slices that it names. And `package.json` at the top: all slices that any board loads."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from dsoftbus_host.board.make import boards, slices
from dsoftbus_host.board.make.boards import Board

ROOT = Path(__file__).parent.parent
HEAD = "# Written by `make boards`.\n"
ANY = "unix"  # its profile is SMALL and has no pins: what suits any board


def main() -> None:
    for path, text in everything().items():
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")


def everything() -> dict[Path, str]:
    """All generated files, by path."""
    found = {ROOT / "package.json": package(boards.find(ANY), every_slice(), "")}
    for board in boards.every().values():
        names = slices.made_for(board.architecture, board.slices)
        found[board.folder / f"{boards.PROFILE}.py"] = profile(board)
        found[board.folder / "manifest.py"] = manifest(board, names)
        found[board.folder / "package.json"] = package(board, names, "../../")
    return found


def every_slice() -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for board in boards.every().values() for name in board.slices))


def profile(board: Board) -> str:
    doc = f'"""{board.about}. Written by `make boards` from profile.py."""\n\n\n'
    return doc + board.profile_source()


def manifest(board: Board, names: tuple[str, ...]) -> str:
    """The text for `FROZEN_MANIFEST`: modules of this checkout, with paths from the manifest's
    folder."""
    text = HEAD + f'include("{board.firmware}")\nmodule("{boards.PROFILE}.py")\n'
    folder, file = boards.boot_path().rsplit("/", 1)
    text += f'module("{file}", base_path="../../{folder}")\n'
    for package_name, files in by_package(names).items():
        listed = "".join(f'        "{file}",\n' for file in files)
        base = f"../../{slices.ROOTS[package_name]}"
        text += f'package(\n    "{package_name}",\n    (\n{listed}    ),\n'
        text += f'    base_path="{base}",\n)\n'
    return text


def by_package(names: Iterable[str]) -> dict[str, list[str]]:
    """The sources of these slices, by package, each from its package's folder."""
    found = defaultdict(list)
    for module in slices.unfolded(tuple(names)):
        _, package_name, *rest = PurePosixPath(slices.path_of(module)).parts
        found[package_name].append("/".join(rest))
    return {name: sorted(files) for name, files in found.items()}


def package(board: Board, names: tuple[str, ...], up: str) -> str:
    """The text for `mip`: each target with its URL, from the folder that this file is for."""
    targets = [(f"{boards.PROFILE}.py", f"boards/{board.name}/{boards.PROFILE}.py")]
    targets.append((f"{boards.BOOT}.py", boards.boot_path()))
    paths = sorted(slices.path_of(module) for module in slices.unfolded(names))
    targets += [(path.split("/", 1)[1], path) for path in paths]
    if up:  # the profile lies beside this file
        targets[0] = (targets[0][0], targets[0][0])
    own = [f'    ["{at}", "{source if at == source else up + source}"]' for at, source in targets]
    urls = ",\n".join(own)
    return f'{{\n  "urls": [\n{urls}\n  ],\n  "deps": [],\n  "version": {release()}\n}}\n'


def release() -> str:
    """The version in pyproject.toml (Python 3.10 has no tomllib)."""
    found = re.search(r'^version = ("[^"]+")', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    if found is None:
        raise ValueError("pyproject.toml has no version")
    return found[1]


if __name__ == "__main__":
    main()
