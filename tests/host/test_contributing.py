"""CONTRIBUTING.md is true: hooks are `make lint`, named targets and files are there."""

import re

from portable import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
HOOKS = (ROOT / ".pre-commit-config.yaml").read_text()
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()


def recipe(target: str) -> list:
    """The commands of a target, with the folder of the tools written out."""
    lines = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1].splitlines()
    return [line.strip().lstrip("@").replace("$(BIN)", ".venv/bin") for line in lines]


def test_the_hooks_are_what_lint_does():
    entries = re.findall(r"^ +entry: (.+)$", HOOKS, re.MULTILINE)
    assert entries == recipe("lint")


def test_each_hook_runs_the_tools_that_are_installed_on_the_whole_tree():
    hooks = HOOKS.count("- id: ")
    assert re.findall(r"repo: (.+)", HOOKS) == ["local"]
    for line in ("language: system", "pass_filenames: false", "entry: .venv/bin/"):
        assert HOOKS.count(line) == hooks


def test_the_guide_names_targets_and_places_that_are_there():
    targets = re.findall(r"\bmake ([a-z][a-z-]*)", GUIDE)
    assert targets and [t for t in targets if not re.search(rf"^{t}:", MAKEFILE, re.M)] == []
    places = re.findall(r"`([\w.]+/[\w./]*)`", GUIDE) + re.findall(r"\]\(([\w./]+)\)", GUIDE)
    assert places and [place for place in places if not (ROOT / place).exists()] == []
