"""No congestion control, for a link below which there is one already, such as a line's window."""


class Unhindered:
    """It stands in the place of `congestion.NewReno` and `congestion.Pacer`; there is nothing to
    learn."""

    has_room = True

    def ready_at(self, now: int) -> int:
        return now

    def on_sent(self, size: int) -> None:
        pass

    def on_acked(self, number: int, size: int, sent_at: int, now: int) -> None:
        pass

    def on_lost(self, number: int, size: int, last_number: int) -> None:
        pass

    def restart(self) -> None:
        pass

    def collapse(self) -> None:
        pass
