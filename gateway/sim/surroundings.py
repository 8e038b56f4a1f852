"""How rooms, air, weather and water behave, and what to do with a quantity that nobody described."""

from collections.abc import Callable, Mapping
from typing import Final

from gateway.core.quantity import Kind, Quantity
from gateway.sim.behaviour import Behaviour, Habits

Builder = Callable[[Habits], Behaviour]

_WAVES: Final[Mapping[str, tuple[float, float, float]]] = {
    "indoor_temp": (21.4, 0.9, 0.1),
    "indoor_rh": (44.0, 6.0, 0.5),
    "indoor_co2": (640.0, 180.0, 12.0),
    "indoor_pm25": (6.0, 3.0, 0.6),
    "indoor_tvoc": (180.0, 60.0, 9.0),
    "indoor_illuminance": (260.0, 230.0, 8.0),
    "vent_temp_supply": (18.5, 1.0, 0.1),
    "vent_temp_extract": (21.8, 0.6, 0.1),
    "vent_temp_exhaust": (7.5, 2.5, 0.2),
    "vent_flow_supply": (210.0, 45.0, 4.0),
    "vent_fan_speed": (48.0, 11.0, 1.0),
    "weather_temp": (9.0, 4.5, 0.1),
    "weather_rh": (74.0, 14.0, 0.6),
    "weather_irradiance_global": (230.0, 220.0, 9.0),
    "weather_wind_speed": (5.5, 2.0, 1.2),
    "weather_wind_direction": (225.0, 60.0, 11.0),
    "weather_pressure": (1013.0, 6.0, 0.1),
    "water_flow": (0.05, 0.04, 0.01),
    "dev_rssi": (-61.0, 3.0, 2.0),
    "dev_battery": (88.0, 1.0, 0.0),
}
"""Mean, swing over a day, ripple."""
_RATES: Final[Mapping[str, float]] = {
    "water_volume": 0.05,
    "water_hot_volume": 0.02,
    "gas_volume": 0.3,
    "gas_energy": 3.3,
    "weather_precipitation": 0.07,
    "dev_read_errors": 0.0,
}
"""Growth in an hour."""
_CONSTANTS: Final[Mapping[str, float]] = {"indoor_occupancy": 1, "indoor_temp_setpoint": 21.0, "dev_link_up": 1}
_WIDEST: Final = 100.0
"""An unknown gauge stays this near to 0, where its limits allow it."""
_HOUR_MS: Final = 3_600_000


def surrounding(quantity: Quantity) -> Builder:
    """Return how a quantity behaves that neither electricity nor heat explains; any quantity has an answer."""
    name = quantity.name
    if name in _WAVES:
        mean, swing, ripple = _WAVES[name]
        return lambda habits: habits.wave(name, mean=mean, swing=swing, ripple=ripple)
    if name in _RATES:
        return lambda habits: habits.steady(name, per_hour=_RATES[name], most=800.0)
    if name in _CONSTANTS:
        return lambda _: lambda _utc_ms: _CONSTANTS[name]
    return _by_kind(quantity)


def _by_kind(quantity: Quantity) -> Builder:
    low, high = (min(max(limit, -_WIDEST), _WIDEST) for limit in quantity.limits)
    low, high = (low, high) if low < high else quantity.limits
    middle = (low + high) / 2
    if quantity.kind is Kind.COUNTER:
        return lambda habits: habits.steady(quantity.name, per_hour=1.0)
    if quantity.kind is Kind.STATE:
        code = next(iter(quantity.states), int(quantity.limits[0]))
        return lambda _: lambda _utc_ms: code
    if quantity.kind is Kind.SESSION:
        return lambda _: lambda utc_ms: low + (high - low) * (utc_ms % _HOUR_MS) / _HOUR_MS
    if quantity.kind is Kind.SETPOINT:
        return lambda _: lambda _utc_ms: middle
    return lambda habits: habits.wave(quantity.name, mean=middle, swing=(high - low) / 10, ripple=(high - low) / 50)
