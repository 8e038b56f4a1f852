"""How electrical quantities behave: meters, inverters, batteries and chargers."""

from collections.abc import Callable, Mapping
from typing import Final

from gateway.sim.behaviour import UJ_PER_KWH, Behaviour, Habits, node_of
from gateway.sim.course import DAY_MS, EPOCH_MS, STEP_MS
from gateway.sim.plan import CHARGING, FREE

Builder = Callable[[Habits], Behaviour]

_PHASES: Final = ("l1", "l2", "l3")
_TANGENT: Final = 0.3
"""Reactive over active power."""
_POWER_FACTOR: Final = 1.0 / (1.0 + _TANGENT**2) ** 0.5
_VOLTAGE: Final = 230.0
_STRING_VOLTAGE: Final = 620.0
_STRING_LOSS: Final = 1.03
_CELL_VOLTAGE: Final = 400.0
_CAPACITY_KWH: Final = 60.0
_DAY_TARIFF_H: Final = (6, 22)


def _power(factor: float, phase: str | None = None, *, magnitude: bool = False) -> Builder:
    def build(habits: Habits) -> Behaviour:
        part = factor * (habits.shares[phase] if phase else 1.0)
        if magnitude:
            return lambda utc_ms: abs(part * habits.power(utc_ms))
        return lambda utc_ms: part * habits.power(utc_ms)

    return build


def _energy(key: str, phase: str | None = None, *, factor: float = 1.0, returned: bool = False) -> Builder:
    """Build a counter over what flows in, or over what flows out; phases are parts of the total."""

    def build(habits: Habits) -> Behaviour:
        part = factor * (habits.shares[phase] if phase else 1.0)
        course = habits.plan.power
        total = habits.energy(key, course.returned_uj if returned else course.energy_uj)
        return lambda utc_ms: part * total(utc_ms)

    return build


def _wave(key: str, mean: float, swing: float = 0.0, ripple: float = 0.0) -> Builder:
    return lambda habits: habits.wave(key, mean=mean, swing=swing, ripple=ripple)


def _voltage(phase: str) -> Builder:
    return _wave(f"voltage {phase}", _VOLTAGE, swing=1.8, ripple=0.7)


def _current(phase: str) -> Builder:
    def build(habits: Habits) -> Behaviour:
        voltage, share = _voltage(phase)(habits), habits.shares[phase]
        return lambda utc_ms: abs(share * habits.power(utc_ms)) / _POWER_FACTOR / voltage(utc_ms)

    return build


def _tariff(_: Habits) -> Behaviour:
    return lambda utc_ms: 1 if _DAY_TARIFF_H[0] <= utc_ms % DAY_MS // 3_600_000 < _DAY_TARIFF_H[1] else 2


def _generates(habits: Habits) -> Behaviour:
    return lambda utc_ms: 4 if habits.power(utc_ms) < 0 else 2


def _string_current(habits: Habits) -> Behaviour:
    voltage = _string_voltage(habits)
    return lambda utc_ms: -_STRING_LOSS * habits.power(utc_ms) / voltage(utc_ms) if voltage(utc_ms) else 0.0


def _string_voltage(habits: Habits) -> Behaviour:
    wave = habits.wave("string", mean=_STRING_VOLTAGE, ripple=4.0)
    return lambda utc_ms: wave(utc_ms) if habits.power(utc_ms) < 0 else 0.0


def _charge(habits: Habits) -> Behaviour:
    course = habits.plan.power

    def percent(utc_ms: int) -> float:
        midnight = utc_ms - (utc_ms - EPOCH_MS) % DAY_MS
        taken = course.energy_uj(utc_ms) - course.energy_uj(midnight)
        given = course.returned_uj(utc_ms) - course.returned_uj(midnight)
        return min(100.0, max(0.0, 60.0 + 100.0 * (taken - given) / UJ_PER_KWH / _CAPACITY_KWH))

    return percent


def _battery_state(habits: Habits) -> Behaviour:
    idle_w = 0.02 * habits.plan.peak_w

    def state(utc_ms: int) -> int:
        power = habits.power(utc_ms)
        return 6 if abs(power) < idle_w else 4 if power > 0 else 3

    return state


def _battery_voltage(habits: Habits) -> Behaviour:
    return habits.wave("cells", mean=_CELL_VOLTAGE, swing=6.0, ripple=0.8)


def _battery_current(habits: Habits) -> Behaviour:
    voltage = _battery_voltage(habits)
    return lambda utc_ms: habits.power(utc_ms) / voltage(utc_ms)


def _charging_state(habits: Habits) -> Behaviour:
    return lambda utc_ms: state if (state := habits.state(utc_ms)) <= CHARGING else FREE


def _session(habits: Habits) -> Callable[[int], tuple[int, int, int]]:
    """Return, for an instant, the number of the last session that began, its start and its end."""
    stays = list(habits.plan.stays())

    def session(utc_ms: int) -> tuple[int, int, int]:
        day = (utc_ms - EPOCH_MS) // DAY_MS
        begun = sum(start <= node_of(utc_ms) for start, _ in stays)
        if not begun:
            day, begun = day - 1, len(stays)
        midnight = EPOCH_MS + day * DAY_MS
        start, end = stays[begun - 1] if stays else (0, 0)
        return day * len(stays) + begun, midnight + start * STEP_MS, midnight + end * STEP_MS

    return session


def _session_energy(habits: Habits) -> Behaviour:
    session, course = _session(habits), habits.plan.power

    def energy(utc_ms: int) -> float:
        _, start, end = session(utc_ms)
        return (course.energy_uj(min(utc_ms, end)) - course.energy_uj(start)) / UJ_PER_KWH

    return energy


def _session_id(habits: Habits) -> Behaviour:
    session = _session(habits)
    return lambda utc_ms: max(0, session(utc_ms)[0]) if habits.state(utc_ms) else 0


def _constant(value: float) -> Builder:
    return lambda _: lambda _utc_ms: value


ELECTRIC: Final[Mapping[str, Builder]] = {
    "elec_power_active": _power(1.0),
    **{f"elec_power_active_{phase}": _power(1.0, phase) for phase in _PHASES},
    "elec_power_reactive": _power(_TANGENT),
    "elec_power_apparent": _power(1.0 / _POWER_FACTOR, magnitude=True),
    "elec_power_factor": _constant(_POWER_FACTOR),
    "elec_energy_import": _energy("import"),
    "elec_energy_export": _energy("export", returned=True),
    **{f"elec_energy_import_{phase}": _energy("import", phase) for phase in _PHASES},
    **{f"elec_energy_export_{phase}": _energy("export", phase, returned=True) for phase in _PHASES},
    "elec_energy_reactive_import": _energy("import", factor=_TANGENT),
    "elec_energy_reactive_export": _energy("export", factor=_TANGENT, returned=True),
    **{f"elec_voltage_{phase}": _voltage(phase) for phase in _PHASES},
    **{f"elec_voltage_{pair}": _wave(f"voltage {pair}", 398.4, 3.0, 1.1) for pair in ("l12", "l23", "l31")},
    **{f"elec_current_{phase}": _current(phase) for phase in _PHASES},
    "elec_current_n": _wave("neutral", 1.2, 0.4, 0.2),
    "elec_frequency": _wave("frequency", 50.0, 0.01, 0.02),
    **{f"elec_thd_voltage_{phase}": _wave(f"thd {phase}", 2.1, 0.6, 0.2) for phase in _PHASES},
    "elec_tariff": _tariff,
    "ev_power": _power(1.0),
    "ev_energy": _energy("import"),
    "ev_energy_session": _session_energy,
    **{f"ev_current_{phase}": _current(phase) for phase in _PHASES},
    "ev_current_limit": _constant(16),
    "ev_state": _charging_state,
    "ev_session_id": _session_id,
    "ev_error": _constant(0),
    "pv_energy": _energy("export", returned=True),
    "pv_power_ac": _power(-1.0),
    "pv_power_dc": _power(-_STRING_LOSS),
    "pv_voltage_dc": _string_voltage,
    "pv_current_dc": _string_current,
    "pv_temp_cabinet": lambda habits: lambda utc_ms: 18.0 + 27.0 * habits.load(utc_ms),
    "pv_irradiance_poa": lambda habits: lambda utc_ms: 1000.0 * habits.load(utc_ms),
    "pv_state": _generates,
    "bat_energy_charge": _energy("import"),
    "bat_energy_discharge": _energy("export", returned=True),
    "bat_power": _power(1.0),
    "bat_soc": _charge,
    "bat_soh": _constant(97.5),
    "bat_voltage": _battery_voltage,
    "bat_current": _battery_current,
    "bat_temp": _wave("battery", 24.0, 2.5, 0.1),
    "bat_cycles": _energy("import", factor=1.0 / _CAPACITY_KWH),
    "bat_state": _battery_state,
}
"""Quantity → how a device's habits make it."""
