"""The one node that runs all jobs: a job that fails, hangs or takes node along fails alone."""

import pytest

import portable

pytestmark = pytest.mark.skipif(
    bool(portable.wasm_missing()), reason=portable.wasm_missing() or "it is here"
)
SAYS = """\
import { parentPort, workerData } from "node:worker_threads";
parentPort.postMessage(workerData.args[0]);
"""


@pytest.fixture
def job(tmp_path, wasm):
    """`job(end)`: what a job prints that says its argument and then does `end`."""

    def run(end: str) -> str:
        file = tmp_path / "job.mjs"
        file.write_text(SAYS + end)
        return wasm.output_of("a job", file.as_uri(), "said")

    return run


@pytest.mark.parametrize(
    ("end", "printed"),
    [
        ("process.exit(1);", "a job:\nsaid\n$"),
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
