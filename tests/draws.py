"""The number of examples that hypothesis draws: each test gives the one for `make soak`, which
looks for new failures, and `make test` draws a share of it."""

import os

from hypothesis import settings, strategies

SHARE = 20  # percent


def register() -> None:
    """The two profiles: `house` for `make test`, `soak` for `make soak`.

    No deadline: no test is held to a time. CI draws the same examples at every run.
    """
    house = {"max_examples": SHARE, "derandomize": os.environ.get("CI") == "true"}
    settings.register_profile("house", deadline=None, **house)
    settings.register_profile("soak", deadline=None, max_examples=100, print_blob=True)
    settings.load_profile("house")


def make_tables() -> None:
    """Makes those of all characters, in seconds, which hypothesis keeps beside its examples."""
    strategies.characters(codec="utf-8").validate()


def draws(examples: int) -> int:
    """Returns how many of so many examples the profile draws, one at least."""
    return max(examples * settings().max_examples // 100, 1)
