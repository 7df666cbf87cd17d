"""The one node that runs all jobs: a job that fails, hangs or takes node along fails alone."""

import pytest

import portable
import wasm_server

pytestmark = pytest.mark.skipif(
    bool(portable.wasm_missing()), reason=portable.wasm_missing() or "it is here"
)
SAYS = "export default ([said], print) => {{ print(said); {} }}"
PYTHON = """\
import {{ start }} from "{}";
export default async ([code], print) => (await start(print)).runPython(code) ?? 0;
"""
LEAVE = "run_portable.left = 1; open('/left', 'w').close()"
FIND = "import os; print(hasattr(run_portable, 'left'), 'left' in os.listdir('/'))"


@pytest.fixture
def job(tmp_path, wasm):
    """`job(end)`: what a job prints that says its argument and then does `end`."""

    def run(end: str) -> str:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.mjs"  # a module is loaded once
        file.write_text(SAYS.format(end))
        return wasm.output_of("a job", file.as_uri(), "said")

    return run


@pytest.mark.parametrize(
    ("end", "printed"),
    [
        ("return 1;", "a job:\nsaid\n$"),
        ("throw new Error('thrown');", "a job:\nsaid\nthrown\n"),
        ("process.kill(process.pid, 'SIGKILL'); for (;;);", "a job:\n(said\n)?node ended\n$"),
    ],
)
def test_a_job_that_fails_fails_alone(job, end, printed):
    with pytest.raises(pytest.fail.Exception, match=printed):
        job(end)
    assert job("") == "said\n"


def test_a_job_without_an_end_is_ended(job, monkeypatch):
    job("")  # node is there
    monkeypatch.setattr(portable, "TIMEOUT_S", 1)
    with pytest.raises(pytest.fail.Exception, match="not done after 1 s"):
        job("for (;;);")
    monkeypatch.undo()
    assert job("") == "said\n"


def test_a_job_finds_nothing_of_another(tmp_path, wasm):
    file = tmp_path / "python.mjs"
    file.write_text(PYTHON.format((wasm_server.SCRIPT.parent / "port.mjs").as_uri()))
    assert wasm.output_of("the first", file.as_uri(), f"{LEAVE}; {FIND}") == "True True\n"
    assert wasm.output_of("the second", file.as_uri(), FIND) == "False False\n"
    over = "open('/repo/tests/run_portable.py', 'r+')"
    with pytest.raises(pytest.fail.Exception, match="Errno 2"):  # EACCES by WASI's numbers
        wasm.output_of("the third", file.as_uri(), over)
