"""One device as the page shows it, from its catalogue entry and what it said last. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from drivers.profile import Profile
from gateway.app.page_memory import DeviceMemory, Held
from gateway.core.readout import Status
from gateway.web.facts import (
    DeviceFacts,
    DeviceState,
    PointFacts,
    ProfileFacts,
    Quality,
    SourceFacts,
    Trouble,
)
from gateway.web.numbers import share
from gateway.wire.catalogue import CatalogueDevice, CataloguePoint

MAIN_POINTS: Mapping[str, Sequence[str]] = {
    "electricity_meter": ("elec_power_active", "elec_energy_import", "elec_energy_export", "elec_voltage_l1"),
    "pv_inverter": ("pv_power_ac", "pv_energy", "pv_energy_total", "pv_power_dc"),
    "heat_pump": ("hp_elec_power", "hp_temp_sink_supply", "hp_temp_sink_return", "hp_temp_dhw", "hp_temp_source_in"),
    "ev_charger": ("ev_power", "ev_state", "ev_energy_session", "ev_energy"),
    "battery": ("bat_power", "bat_soc", "bat_energy_charge", "bat_energy_discharge"),
    "heat_meter": ("heat_power", "heat_energy", "heat_temp_supply", "heat_temp_return"),
    "water_meter": ("water_volume", "water_flow"),
    "gas_meter": ("gas_volume",),
    "indoor_climate": ("indoor_temp", "indoor_co2", "indoor_humidity"),
    "weather_station": ("weather_temp", "weather_irradiance", "weather_wind_speed"),
}
"""What tells the story of a kind of device; where it has none of these, its first points do."""
_MOST = 4
LATE_INTERVALS = 3.0
LATE_S = 30.0
"""A readout that is older than three intervals and this is late."""
COMPLETE = 0.9
_WARM_UP = 60
"""Readouts before a share of the day says anything."""
_FAILURES: Mapping[Status, DeviceState] = {
    Status.NO_ANSWER: "no_answer",
    Status.REFUSED: "refused",
    Status.CORRUPT_FRAME: "corrupt_frame",
    Status.LINK_DOWN: "link_down",
    Status.SKIPPED: "skipped",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device is; unknown on a collector."""

    site: str
    bus: str = ""
    unit_id: int | None = None
    serial_number: str = ""


def profile_facts(entry: CatalogueDevice, profile: Profile | None) -> ProfileFacts:
    """Return what is known of a model; without its profile, only what the catalogue says."""
    sources = profile.source if profile else ()
    return ProfileFacts(
        id=entry.profile,
        digest=entry.profile_digest,
        maker=entry.maker,
        model=entry.model,
        kind=entry.kind,
        protocol=profile.protocol if profile else "",
        sources=tuple(SourceFacts(each.document, each.version or "", each.note or "") for each in sources),
        caveats=profile.caveats if profile else (),
    )


def device_facts(
    name: str, entry: CatalogueDevice, profile: ProfileFacts, *, memory: DeviceMemory, place: Place, now_s: float
) -> DeviceFacts:
    """Return a device as it is now."""
    state = _state(entry, memory, now_s)
    points = tuple(_point(point, each, entry, memory, now_s) for point, each in entry.points.items())
    age_s = None if memory.status is None else max(0.0, now_s - memory.monotonic_s)
    return DeviceFacts(
        site=place.site,
        id=name,
        profile=profile,
        state=state,
        label=entry.label,
        role=entry.role,
        bus=place.bus,
        unit_id=place.unit_id,
        serial_number=place.serial_number or entry.serial_number,
        settings=entry.settings,
        interval_s=entry.interval_ms / 1000,
        age_s=age_s,
        completeness=memory.completeness,
        yesterday=memory.yesterday,
        troubles=tuple(_troubles(state, memory, points, place, age_s)),
        main_points=_main_points(entry),
        points=points,
        outcomes=dict(memory.outcomes),
    )


def _state(entry: CatalogueDevice, memory: DeviceMemory, now_s: float) -> DeviceState:
    if memory.status is None:
        return "unread"
    if now_s - memory.monotonic_s > LATE_INTERVALS * entry.interval_ms / 1000 + LATE_S:
        return "silent"
    return _FAILURES.get(memory.status) or ("partial" if memory.status is Status.PARTIAL else "ok")


def _point(name: str, stated: CataloguePoint, entry: CatalogueDevice, memory: DeviceMemory, now_s: float) -> PointFacts:
    held = memory.points.get(name)
    interval_s = (stated.interval_ms or entry.interval_ms) / 1000
    quality = _quality(name, held, memory, now_s - interval_s * LATE_INTERVALS - LATE_S)
    return PointFacts(
        name=name,
        unit=stated.unit,
        quality=quality,
        interval_s=interval_s,
        value=None if held is None or quality == "missing" else held.value,
        raw=() if held is None or quality == "missing" else held.raw,
        age_s=None if held is None else max(0.0, now_s - held.monotonic_s),
        factor=stated.factor,
        offset=stated.offset,
        origin=stated.origin,
    )


def _quality(name: str, held: Held | None, memory: DeviceMemory, oldest_s: float) -> Quality:
    if memory.status is None:
        return "unread"
    if name in memory.missing:
        return "missing"
    if held is None:
        return "unread"
    if held.monotonic_s < oldest_s or memory.status in _FAILURES:
        return "stale"
    return "suspect" if held.suspect else "good"


def _troubles(
    state: DeviceState, memory: DeviceMemory, points: Sequence[PointFacts], place: Place, age_s: float | None
) -> list[Trouble]:
    severity: Literal["notice", "warning", "error"] = "notice" if state in {"unread", "skipped"} else "error"
    troubles = []
    if state not in {"ok", "partial"}:
        troubles.append(Trouble(state, severity, {"bus": place.bus, "age": f"{age_s or 0:.0f} s"}))
    missing = [point.name for point in points if point.quality == "missing"]
    if state == "partial" and missing:
        troubles.append(Trouble("partial", "notice", {"points": _listed(missing)}))
    if suspect := [point.name for point in points if point.quality == "suspect"]:
        troubles.append(Trouble("suspect", "warning", {"points": _listed(suspect)}))
    today = memory.completeness
    whole = today.share if today is not None and today.due >= _WARM_UP else None
    if whole is not None and whole < COMPLETE and state in {"ok", "partial"}:
        troubles.append(Trouble("incomplete", "warning", {"share": share(whole, "en")}))
    return troubles


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST]) + (f" +{len(names) - _MOST}" if len(names) > _MOST else "")


def _main_points(entry: CatalogueDevice) -> tuple[str, ...]:
    known = [name for name in MAIN_POINTS.get(entry.kind, ()) if name in entry.points]
    others = [name for name in entry.points if name not in known]
    return tuple([*known, *([] if known else others)][:_MOST])
