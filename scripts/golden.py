"""Writes the captures of tests/core/captures anew: only where the wire is meant to change."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "core"), str(ROOT / "core")]

import captured  # type: ignore[import-not-found]  # noqa: E402 - of the tests


def main() -> None:
    folder = ROOT / "tests" / "core" / "captures"
    for name, capture in captured.CAPTURES:
        text = "".join(f"{line}\n" for line in capture())
        (folder / f"{name}.txt").write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
