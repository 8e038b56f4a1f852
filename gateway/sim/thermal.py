"""How heat meters and heat pumps behave."""

from collections.abc import Callable, Mapping
from typing import Final

from gateway.sim.behaviour import Behaviour, Habits, occurrences
from gateway.sim.plan import STANDBY

Builder = Callable[[Habits], Behaviour]

_KWH_PER_M3_K: Final = 1.163
"""Heat that a cubic metre of water carries for each kelvin."""
_SUPPLY: Final = 68.0
_RETURN: Final = 39.0
_SPREAD: Final = 5.0
"""Kelvin between supply and return of a heat pump."""
_M3_PER_KWH: Final = 1.0 / (_KWH_PER_M3_K * (_SUPPLY - _RETURN))


def _heat_counter(factor: float) -> Builder:
    """Build a counter over the heat that the meter passes."""

    def build(habits: Habits) -> Behaviour:
        energy = habits.energy("heat", habits.plan.power.energy_uj, most=20_000.0)
        return lambda utc_ms: factor * energy(utc_ms)

    return build


def _heat_flow(habits: Habits) -> Behaviour:
    return lambda utc_ms: habits.power(utc_ms) / 1000.0 * _M3_PER_KWH


def _electricity(key: str, factor: float) -> Builder:
    return lambda habits: habits.energy(key, habits.plan.power.energy_uj, factor=factor)


def _pumped(utc_ms: int, habits: Habits) -> float:
    """Return the heat that the pump gives, in watts."""
    return habits.heating.power_w(utc_ms) + habits.hot_water.power_w(utc_ms)


def _supply(habits: Habits) -> Behaviour:
    wave = habits.wave("sink", mean=29.0, swing=1.2, ripple=0.1)
    return lambda utc_ms: wave(utc_ms) + 13.0 * habits.load(utc_ms)


def _return(habits: Habits) -> Behaviour:
    supply = _supply(habits)
    return lambda utc_ms: supply(utc_ms) - _SPREAD * min(1.0, 2.0 * habits.load(utc_ms))


def _source_in(habits: Habits) -> Behaviour:
    return habits.wave("source", mean=6.5, swing=1.5, ripple=0.1)


def _source_out(habits: Habits) -> Behaviour:
    source = _source_in(habits)
    return lambda utc_ms: source(utc_ms) - 3.0 * habits.load(utc_ms)


def _compressor(habits: Habits) -> Behaviour:
    return lambda utc_ms: 30.0 + 55.0 * habits.load(utc_ms) if habits.state(utc_ms) != STANDBY else 0.0


def _starts(habits: Habits) -> Behaviour:
    states = habits.plan.states
    nodes = [index for index, state in enumerate(states) if state != STANDBY and states[index - 1] == STANDBY]
    first = round(habits.first("starts", most=2000))
    return lambda utc_ms: float(max(0, first + occurrences(nodes, utc_ms)))


def _hours(habits: Habits) -> Behaviour:
    return habits.energy("hours", habits.running.energy_uj, factor=1000.0, most=5000.0)


def _mode(habits: Habits) -> Behaviour:
    return lambda utc_ms: habits.state(utc_ms) or STANDBY


def _constant(value: float) -> Builder:
    return lambda _: lambda _utc_ms: value


def _wave(key: str, mean: float, swing: float, ripple: float) -> Builder:
    return lambda habits: habits.wave(key, mean=mean, swing=swing, ripple=ripple)


THERMAL: Final[Mapping[str, Builder]] = {
    "heat_energy": _heat_counter(1.0),
    "heat_energy_cooling": lambda habits: habits.steady("cooling", per_hour=0.02),
    "heat_volume": _heat_counter(_M3_PER_KWH),
    "heat_flow": _heat_flow,
    "heat_power": lambda habits: habits.power,
    "heat_temp_supply": _constant(_SUPPLY),
    "heat_temp_return": _constant(_RETURN),
    "heat_temp_diff": _constant(_SUPPLY - _RETURN),
    "heat_volume_temp_supply": _heat_counter(_M3_PER_KWH * _SUPPLY),
    "heat_volume_temp_return": _heat_counter(_M3_PER_KWH * _RETURN),
    "heat_operating_hours": lambda habits: habits.steady("operating", per_hour=1.0),
    "heat_info_code": _constant(0),
    "hp_elec_energy": _electricity("compressor", 1.0),
    "hp_elec_energy_source": _electricity("source", 0.04),
    "hp_elec_energy_backup": _electricity("backup", 0.01),
    "hp_elec_energy_aux": _electricity("auxiliary", 0.03),
    "hp_elec_power": lambda habits: habits.power,
    "hp_heat_energy_space": lambda habits: habits.energy("space", habits.heating.energy_uj, most=9000.0),
    "hp_heat_energy_dhw": lambda habits: habits.energy("water", habits.hot_water.energy_uj),
    "hp_heat_energy_backup": _electricity("backup", 0.01),
    "hp_heat_power": lambda habits: lambda utc_ms: _pumped(utc_ms, habits),
    "hp_temp_sink_supply": _supply,
    "hp_temp_sink_return": _return,
    "hp_flow_sink": lambda habits: lambda utc_ms: _pumped(utc_ms, habits) / 1000.0 / _KWH_PER_M3_K / _SPREAD,
    "hp_temp_source_in": _source_in,
    "hp_temp_source_out": _source_out,
    "hp_temp_dhw": _wave("tank", 49.0, 3.0, 0.1),
    "hp_temp_setpoint": _constant(45.0),
    "hp_compressor_frequency": _compressor,
    "hp_compressor_starts": _starts,
    "hp_compressor_hours": _hours,
    "hp_operating_mode": _mode,
    "hp_sg_ready": _constant(2),
    "hp_alarm": _constant(0),
}
"""Quantity → how a device's habits make it."""
