"""Which faults a run suffers: drawn from its seed, each with a seed of its own, so that any of them can be left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.simulation.loop import START_S, chance
from tests.simulation.profiles import LINKS, PLACES

DAY_S = 86_400.0
QUIET_S = 1800.0
"""At the start, so that something is there to be broken."""

_MODES = (
    "dead", "late", "merged", "split", "dribbling", "twice", "foreign", "truncated", "garbled", "echoing", "refusing",
    "absent",
)  # fmt: skip
_WEIGHTS = {
    "device": 30,
    "unplug": 4,
    "hang_up": 4,
    "kill": 10,
    "kill_at_write": 8,
    "power_cut": 10,
    "stop": 3,
    "disk": 8,
    "sync_error": 4,
    "slow_disk": 3,
    "rot": 3,
    "broker_down": 6,
    "broker_restart": 8,
    "broker_cut": 6,
    "broker_silent": 6,
    "broker_loses": 6,
    "broker_repeats": 6,
    "broker_delays": 6,
    "store_slow": 5,
    "store_fails": 6,
    "store_cuts": 6,
    "store_poison": 3,
    "kill_collector": 8,
    "clock_jump": 6,
    "clock_glitch": 4,
    "leap": 1,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something goes wrong for a while."""

    at_s: float
    kind: str
    length_s: float
    seed: int = 0
    detail: str = ""
    """What is not left to chance, such as the link and the mode of its devices."""

    def text(self) -> str:
        """Return the fault as `parse` takes it."""
        return f"{self.kind} {self.at_s - START_S:.3f} {self.length_s} {self.detail or f'#{self.seed}'}"

    def random(self) -> Random:
        """Return what decides its details."""
        return chance(self.seed)


def draw(seed: int, *, days: float, a_day: int) -> tuple[Fault, ...]:
    """Return the faults of a run in order, at least `a_day` on each day."""
    random = chance(f"chaos {seed}")
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    faults: list[Fault] = []
    for _ in range(round(days * a_day)):
        kind = random.choices(kinds, weights)[0]
        at_s = START_S + random.uniform(QUIET_S, days * DAY_S)
        length_s = min(random.expovariate(1 / 900) + 1, 3 * 3600)
        faults.append(Fault(round(at_s, 3), kind, round(length_s, 3), random.getrandbits(32)))
        if random.random() < 0.15:
            # Trouble seldom comes alone, and recovery is where programs are weakest.
            again_s = at_s + random.choice((0.01, 0.3, 2.0, 20.0))
            again = random.choice(("kill", "kill_at_write", "power_cut", "kill_collector", "broker_restart"))
            faults.append(Fault(round(again_s, 3), again, round(length_s, 3), random.getrandbits(32)))
    return tuple(sorted(faults, key=lambda each: each.at_s))


def parse(text: str) -> Fault:
    """Return the fault that stands as `kind at_s length_s [detail or #seed]`, times from the start of the run."""
    kind, at_s, length_s, *more = text.split()
    detail = "".join(more)
    if detail.startswith("#"):
        return Fault(round(START_S + float(at_s), 3), kind, float(length_s), int(detail[1:]))
    return Fault(round(START_S + float(at_s), 3), kind, float(length_s), detail=detail)


def device_mode(fault: Fault) -> tuple[Sequence[str], str]:
    """Return the devices that misbehave, and how."""
    random = fault.random()
    if fault.detail:
        link, mode = fault.detail.split("/")
        return [each.name for each in PLACES if each.link == link], mode
    link = random.choice(list(LINKS))
    behind = [each.name for each in PLACES if each.link == link]
    return random.sample(behind, random.randint(1, len(behind))), random.choice(_MODES)
