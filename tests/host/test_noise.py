"""The health tests' cutoffs by exact arithmetic, and the conditioning of noise on CPython, too."""

import sys
from decimal import Decimal, localcontext
from math import ceil, comb
from pathlib import Path

import pytest

import portable

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "micropython/dsoftbus_mpy/noise_source/health_tests.py"
ALPHA = Decimal(2) ** -20


def assessments() -> dict:
    names: dict = {}
    exec(SOURCE.read_text(), names)
    return {name: names[name] for name in ("BIT", "READING", "BYTE")}


def proportion_cutoff(window: int, entropy: Decimal) -> int:
    """1 + critbinom(window, 2**-entropy, 1 - alpha): SP 800-90B section 4.4.2."""
    with localcontext() as context:
        context.prec = 60
        p = Decimal(2) ** -entropy
        below = Decimal(0)
        for hits in range(window + 1):
            below += comb(window, hits) * p**hits * (1 - p) ** (window - hits)
            if below >= 1 - ALPHA:
                return 1 + hits
    raise AssertionError("never")


@pytest.mark.parametrize(
    ("window", "entropy", "cutoff"),
    [(1024, "1", 589), (1024, "0.2", 941), (512, "1", 311), (512, "0.5", 410), (512, "8", 13)],
)
def test_the_arithmetic_gives_the_published_cutoffs(window, entropy, cutoff):
    """Examples for alpha = 2**-20, as they are known for SP 800-90B section 4.4.2."""
    assert proportion_cutoff(window, Decimal(entropy)) == cutoff


@pytest.mark.parametrize("name", ["BIT", "READING", "BYTE"])
def test_the_cutoffs_are_those_of_the_assessed_entropy(name):
    samples_a_bit, repetition, proportion, window = assessments()[name]
    assert repetition == 1 + ceil(20 * samples_a_bit)
    assert proportion == proportion_cutoff(window, 1 / Decimal(samples_a_bit))
    assert window == (1024 if name == "BIT" else 512)


def test_the_conditioning_on_cpython(record_property):
    file = TESTS / "micropython/mpy_entropy.py"
    command = [sys.executable, str(TESTS / "run_portable.py"), str(file)]
    output = portable.output_of(command, f"{file.name} on cpython")
    portable.check("cpython", output, file, record_property)
