"""A wheel is pure Python, unless `DSOFTBUS_COMPILE` asks for a compiled core (docs/decisions.md).

`1` compiles it where mypyc and a C compiler are, `require` fails where they are not; `0`, or
nothing, is the pure one, and so is every editable installation.
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

ASKED = os.environ.get("DSOFTBUS_COMPILE", "0")
WORDS = ("0", "1", "require")
MYPY = "mypy>=1.18"  # its compiler, mypyc


class CompiledCore(build_ext):
    """Compiles the core into the wheel."""

    def run(self) -> None:
        if self.editable_mode:
            self.extensions = []
            return
        try:
            self._compile()
        except (BaseError, CCompilerError, ImportError, SystemExit) as error:
            if ASKED == "require":
                raise
            self.warn(f"the core stays Python, for it was not compiled: {error}")
            self.extensions = []

    def _compile(self) -> None:
        sys.path.insert(0, str(Path(__file__).parent / "scripts"))
        import compiled_core

        self.distribution.ext_modules = compiled_core.extensions()
        named = build_ext(self.distribution)
        named.ensure_finalized()
        named.run()
        self.extensions = named.extensions


if ASKED not in WORDS:
    raise SystemExit(f"DSOFTBUS_COMPILE={ASKED}: it is 0, 1 or require")
if ASKED == "0":
    setup()
else:
    # What stands for the modules until the compiler has named them: it makes the wheel one of this
    # interpreter and machine.
    later = [Extension("dsoftbus__mypyc", sources=[])]
    setup(
        ext_modules=later,
        cmdclass={"build_ext": CompiledCore},
        setup_requires=[MYPY],
        options={"build": {"build_base": "build/compiled"}},
    )
