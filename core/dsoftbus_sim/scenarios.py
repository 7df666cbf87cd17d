"""Named scenarios: a path, what becomes of it, and how much is sent over it."""

from dsoftbus.const import DATAGRAM_MAX, DATAGRAM_MIN
from dsoftbus_sim.faults import Faults

# What a `plan` can do to the path of the sender.
MOVES = "moves"  # the sender has a new address
CUT = "cut"
JOINED = "joined"

_KILOBYTES_S = 1250  # 10 Mbit/s
_LATENCY_MS = 25
_MEGABYTES = 4


class Scenario:
    """`says`: one sentence. `plan`: (ms after the session is established, what happens), in order.

    `faults` are arguments of `Faults`, beside 10 Mbit/s and 25 ms each way.
    """

    def __init__(
        self,
        name: str,
        says: str,
        faults: dict[str, int] | None = None,
        mtu: int = DATAGRAM_MAX,
        megabytes: float = _MEGABYTES,
        plan: tuple[tuple[int, str], ...] = (),
    ) -> None:
        self.name = name
        self.says = says
        self.mtu = mtu
        self.megabytes = megabytes
        self.plan = plan
        self._faults = {"latency_ms": _LATENCY_MS, "kilobytes_s": _KILOBYTES_S}
        self._faults.update(faults or {})

    def faults(self, loss: int | None = None) -> Faults:
        """The character of the path; `loss` (permille) instead of the scenario's own."""
        faults = Faults(**self._faults)
        if loss is not None:
            faults.loss = loss
        return faults


SCENARIOS = (
    Scenario("clean", "Nothing is lost but what overflows the path's queue."),
    Scenario("lossy", "One datagram in a hundred is lost.", {"loss": 10}),
    Scenario(
        "bursty",
        "Losses come in bursts of five datagrams, one burst in five hundred.",
        {"burst_begin": 2, "burst_end": 200},
    ),
    Scenario(
        "reordering",
        "Every fifth datagram comes up to 20 ms late, every tenth comes twice.",
        {"reorder": 200, "duplicate": 100},
    ),
    Scenario(
        "roaming",
        "The sender changes its address three times, and keeps its session.",
        plan=((700, MOVES), (1700, MOVES), (2700, MOVES)),
    ),
    Scenario(
        "partition",
        "The path is cut for two seconds, and heals.",
        plan=((1000, CUT), (3000, JOINED)),
    ),
    Scenario(
        "tiny-radio",
        "Datagrams of 200 bytes at 80 kbit/s, and one in fifty is lost.",
        {"kilobytes_s": 10, "queue_bytes": 2000, "loss": 20, "mtu": DATAGRAM_MIN},
        DATAGRAM_MIN,
        0.1,
    ),
)


def find(name: str) -> "Scenario | None":
    """The scenario of that name, or None."""
    for scenario in SCENARIOS:
        if scenario.name == name:
            return scenario
    return None
