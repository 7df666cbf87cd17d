"""Run every test on each CPython from 3.10 to 3.14 that is here: `versions.py [PYTEST WORDS...]`.

"Here" means on the PATH, or among those that pyenv has. Each gets an environment of its own in
build/versions. Exit status 1 when one of them failed, or when none is here.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / "build" / "versions"
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
TESTS = ("-q", "-n", "8", "--dist", "worksteal")  # as `make test`


def output(*words: str | Path) -> str:
    """Returns the output of a command, stripped; empty if it fails or does not exist."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def is_version(python: str | Path, version: str) -> bool:
    """Returns whether it runs, and is that CPython: pyenv's shims have names of versions that it
    lacks."""
    ask = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    return output(python, "-c", ask) == f"cpython {version}"


def found(version: str) -> Path | None:
    """The interpreter of that version, or None."""
    name = f"python{version}"
    here = [Path(path) for path in (shutil.which(name),) if path]
    installed = output("pyenv", "prefix", version)
    here += [Path(installed, "bin", name)] if installed else []
    return next((python for python in here if is_version(python, version)), None)


def environment(python: Path, version: str) -> Path:
    """The Python of that version's environment, with the project and its tests' tools."""
    folder = ENVIRONMENTS / version
    made = folder / "bin" / "python"
    if not made.exists():
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    install = [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--editable", f"{ROOT}[test]"], check=True)
    return made


def outcome(version: str, words: list[str]) -> str:
    """Runs the tests there; how it went."""
    python = found(version)
    if python is None:
        return "absent"
    print(f"CPython {version}: {python}", flush=True)
    command = (str(environment(python, version)), "-m", "pytest", *TESTS, *words)
    status = subprocess.run(command, cwd=ROOT).returncode
    return f"failed with status {status}" if status else "passed"


def main(words: list[str]) -> int:
    outcomes = {version: outcome(version, words) for version in VERSIONS}
    for version, how in outcomes.items():
        print(f"CPython {version}: {how}")
    went = set(outcomes.values()) - {"absent"}
    return 0 if went == {"passed"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
