"""What a simulated device does in a day: the power it takes, and the states it goes through."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from gateway.sim.course import NODES, Course

_HOUR: Final = NODES // 24
_MINUTE: Final = 2
"""Nodes."""
_SOLAR_NOON_H: Final = 11.4
"""UTC, at 9 degrees east."""

STANDBY, SPACE_HEATING, HOT_WATER, DEFROST = 6, 1, 2, 4
"""Codes of hp_operating_mode."""
_SESSION_MINUTES: Final = ((1, 4), (15, 50), (2, 15))
"""Connected, charging, still connected: shortest and longest."""

FREE, CONNECTED, CHARGING = 0, 1, 2
"""Codes of ev_state."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One day of a device."""

    power: Course
    """Positive into the device; a generator's is negative."""
    peak_w: float
    """Rated power."""
    states: tuple[int, ...] = (0,) * NODES
    """Code from each node to the next."""

    def only(self, state: int) -> Course:
        """Return the power while the device is in a state, and nothing otherwise."""
        return Course([node if code == state else 0 for node, code in zip(self.power.nodes, self.states, strict=True)])

    def stays(self) -> Sequence[tuple[int, int]]:
        """Return first node and end of each stretch in which the state is not 0."""
        return tuple(_runs([state != 0 for state in self.states]))


def household(seed: int, *, mean_w: float) -> Plan:
    """Return a load with a base, a morning and an evening peak, and appliances that come and go."""
    random = _dice(f"household {seed}")
    steps = _wander(random, hold=5 * _MINUTE)
    nodes = []
    for index in range(NODES):
        hour = index / _HOUR
        shape = 0.35 + _bump(hour, at=7.5, width=1.5) + 1.6 * _bump(hour, at=18.5, width=2.2) + 0.5 * steps[index]
        nodes.append(round(1000 * mean_w * (shape + 0.06 * random.random())))
    return Plan(Course(nodes), peak_w=3 * mean_w)


def sun(seed: int, *, peak_w: float) -> Plan:
    """Return a generator that follows the sun through passing clouds."""
    random = _dice(f"sun {seed}")
    clouds = _wander(random, hold=3 * _MINUTE)
    nodes = []
    for index in range(NODES):
        height = math.cos((index / _HOUR - _SOLAR_NOON_H) * math.pi / 14)
        nodes.append(-round(1000 * peak_w * max(0.0, height) ** 1.3 * (1.0 - 0.6 * clouds[index])))
    return Plan(Course(nodes), peak_w=peak_w)


def heat_pump(seed: int, *, peak_w: float) -> Plan:
    """Return a heat pump that cycles, makes hot water twice a day and defrosts now and then."""
    random = _dice(f"heat pump {seed}")
    states = [STANDBY] * NODES
    node = random.randrange(4 * _MINUTE)
    while node < NODES:
        run = random.randrange(14 * _MINUTE, 26 * _MINUTE)
        hot_water = any(abs(node / _HOUR - hour) < 0.6 for hour in (6.0, 18.0))  # noqa: PLR2004 - hours
        states[node : node + run] = [HOT_WATER if hot_water else SPACE_HEATING] * run
        if random.random() < 0.25:  # noqa: PLR2004 - one run in four
            states[node + run // 2 : node + run // 2 + 2 * _MINUTE] = [DEFROST] * 2 * _MINUTE
        node += run + random.randrange(6 * _MINUTE, 14 * _MINUTE)
    states = states[:NODES]
    share = {STANDBY: 0.004, SPACE_HEATING: 0.7, HOT_WATER: 0.92, DEFROST: 0.3}
    drift = _wander(random, hold=6 * _MINUTE)
    nodes = [
        round(1000 * peak_w * share[state] * (1 if state == STANDBY else 0.92 + 0.08 * drift[index]))
        for index, state in enumerate(states)
    ]
    return Plan(Course(_eased(nodes, states)), peak_w=peak_w, states=tuple(states))


def charging(seed: int, *, peak_w: float) -> Plan:
    """Return a charger with several sessions a day; nobody is connected at midnight."""
    random = _dice(f"charging {seed}")
    states = [FREE] * NODES
    node = random.randrange(2 * _MINUTE, 20 * _MINUTE)
    while True:
        wait, charge, linger = (random.randrange(low * _MINUTE, high * _MINUTE) for low, high in _SESSION_MINUTES)
        end = node + wait + charge + linger
        if end >= NODES - 1:
            break
        states[node:end] = [CONNECTED] * (end - node)
        states[node + wait : node + wait + charge] = [CHARGING] * charge
        node = end + random.randrange(2 * _MINUTE, 25 * _MINUTE)
    nodes = [round(1000 * peak_w * (0.95 + 0.03 * random.random())) if state == CHARGING else 0 for state in states]
    return Plan(Course(_eased(nodes, states)), peak_w=peak_w, states=tuple(states))


def storage(seed: int, *, peak_w: float) -> Plan:
    """Return a battery that charges by day what it gives back by night."""
    shift = _dice(f"storage {seed}").uniform(-0.5, 0.5)
    angle = 2 * math.pi / NODES
    half = [round(1000 * peak_w * 0.8 * math.sin(angle * (index - (7 + shift) * _HOUR))) for index in range(NODES // 2)]
    return Plan(Course([*half, *(-node for node in half)]), peak_w=peak_w)


def plan_for(kind: str, seed: int) -> Plan:
    """Return a plausible day of a device of that kind of profile."""
    if kind == "heat_pump":
        return heat_pump(seed, peak_w=4500)
    if kind == "ev_charger":
        return charging(seed, peak_w=11_000)
    if kind == "pv_inverter":
        return sun(seed, peak_w=10_000)
    if kind == "battery":
        return storage(seed, peak_w=5000)
    return household(seed, mean_w=6000 if kind == "heat_meter" else 900)


def _dice(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - the same seed must give the same day


def _bump(hour: float, *, at: float, width: float) -> float:
    return math.exp(-(((hour - at) / width) ** 2))


def _wander(random: Random, *, hold: int) -> Sequence[float]:
    """Return a number from 0 to 1 for each node, held for a while and then another; it ends as it begins."""
    levels = [random.random() ** 2 for _ in range(-(-NODES // hold))]
    return [levels[index // hold] for index in range(NODES)]


def _eased(nodes: Sequence[int], states: Sequence[int]) -> Sequence[int]:
    """Let the power rise after the state has changed, not before."""
    changed = [state != states[index - 1] for index, state in enumerate(states)]
    return [min(node, nodes[index - 1]) if changed[index] else node for index, node in enumerate(nodes)]


def _runs(on: Sequence[bool]) -> Iterator[tuple[int, int]]:
    start = None
    for index, each in enumerate(on):
        if each and start is None:
            start = index
        elif not each and start is not None:
            yield start, index
            start = None
    if start is not None:
        yield start, len(on)
