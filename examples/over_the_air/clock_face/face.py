"""The face of the clock: a mark for each hour that has passed."""


def drawn(hour: int) -> str:
    return "|" * hour + "." * (24 - hour)
