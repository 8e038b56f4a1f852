"""Where the energy of a site comes from and goes to at this moment. Pure.

A meter whose role says what it measures is believed over what the devices of that role say of themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.web.facts import DeviceFacts

_OWN_POINT = {"pv": "pv_power_ac", "battery": "bat_power", "heat_pump": "hp_elec_power", "charger": "ev_power"}
_METERED = "elec_power_active"
_LEAST_W = 1.0


@dataclass(frozen=True, slots=True)
class Stream:
    """Power that flows one way."""

    name: str
    """grid, pv, battery, heat_pump, charger or rest."""
    power_w: float
    """Never negative."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The balance of a site at this moment."""

    sources: tuple[Stream, ...]
    uses: tuple[Stream, ...]

    @property
    def total_w(self) -> float:
        """What flows through the site."""
        return sum(stream.power_w for stream in self.sources)


def flow_of(devices: Iterable[DeviceFacts]) -> Flow | None:
    """Return the balance, None where nobody measures at the grid."""
    known = list(devices)
    grid_w = _power(known, "grid")
    if grid_w is None:
        return None
    produced_w = {name: _power(known, name) for name in ("pv", "battery")}
    used_w = {name: _power(known, name) for name in ("heat_pump", "charger")}
    # A plant produces when its power is positive, a battery discharges when its power is negative.
    pv_w = max(produced_w["pv"] or 0.0, 0.0)
    battery_w = produced_w["battery"]
    into_battery_w = battery_w or 0.0
    uses = {name: max(power_w, 0.0) for name, power_w in used_w.items() if power_w is not None}
    arriving_w = max(grid_w, 0.0) + pv_w + max(-into_battery_w, 0.0)
    leaving_w = max(-grid_w, 0.0) + max(into_battery_w, 0.0)
    rest_w = arriving_w - leaving_w - sum(uses.values())
    sources = [Stream("grid", max(grid_w, 0.0))]
    sources += [Stream("pv", pv_w)] if produced_w["pv"] is not None else []
    sources += [Stream("battery", max(-into_battery_w, 0.0))] if battery_w is not None and into_battery_w <= 0 else []
    targets = [Stream(name, power_w) for name, power_w in uses.items()]
    targets += [Stream("battery", into_battery_w)] if into_battery_w > 0 else []
    targets += [Stream("grid", -grid_w)] if grid_w < -_LEAST_W else []
    return Flow(tuple(sources), (*targets, Stream("rest", max(rest_w, 0.0))))


def _power(devices: Sequence[DeviceFacts], role: str) -> float | None:
    """Return the power of everything in a role, None where nothing says it now."""
    having = [device for device in devices if device.role == role]
    meters = [device for device in having if device.profile.kind == "electricity_meter"]
    metered = [found for device in meters if (found := _value(device, _METERED)) is not None]
    if metered:
        # Which way round a meter of a plant counts is a matter of taste; a plant does not consume.
        return abs(sum(metered)) if role == "pv" else sum(metered)
    own = [found for device in having if (found := _value(device, _OWN_POINT.get(role, ""))) is not None]
    return sum(own) if own else None


def _value(device: DeviceFacts, name: str) -> float | None:
    point = device.point(name)
    if point is None or point.value is None or point.quality not in {"good", "suspect"}:
        return None
    return float(point.value)
