"""What is wrong now, from the facts of a role: each cause with what it explains."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.app.machine import disk_room
from gateway.core.quantity import Kind, Vocabulary
from gateway.energy.alerts import Finding, Key
from gateway.energy.frozen import FrozenCounters
from gateway.web.facts import DeviceFacts, Facts, SiteFacts
from gateway.web.numbers import share, size
from gateway.web.texts import Language, load_texts

LEAST_FREE = 0.05
COMPLETE = 0.95
_FEWEST = 12
"""Readouts of a day without which a share says nothing."""
_SETTLED_MS = 900_000
"""After midnight, before yesterday is judged."""
GATEWAY_SILENT_S = 300.0
_GIVES = frozenset({"ok", "partial", "unread", "skipped"})
_IN_KW = {"W": 0.001, "kW": 1.0}


@dataclass(frozen=True, slots=True)
class Around:
    """What is looked at beside the facts."""

    data: Path
    """On the disk that may fill."""
    broker: str = ""
    """How people know it; none where there is no broker."""
    connected: Callable[[], bool] = lambda: True
    troubles: Callable[[], Mapping[str, int]] = dict
    """What went wrong since the start, by kind."""
    is_remote: bool = True
    """Readouts come over the broker, so that its absence explains silence."""
    disk: Callable[[Path], tuple[int, int] | None] = disk_room
    """Returns free bytes and all bytes of the disk that holds a folder, None where that cannot be known."""


class Lookout:
    """Looks at the facts of a role.

    Args:
        facts: What is known.
        vocabulary: What its points are.
        around: What is looked at beside them.
        language: Of the words in findings.
    """

    def __init__(self, facts: Facts, vocabulary: Vocabulary, around: Around, *, language: Language) -> None:
        self._facts = facts
        self._vocabulary = vocabulary
        self._around = around
        self._language = language
        self._frozen = FrozenCounters()
        self._failures = 0

    def look(self, now_s: float) -> list[Finding]:
        """Return all that is wrong."""
        found = list(self._own())
        above = (Key("broker"), Key("store")) if self._around.is_remote else ()
        for site in self._facts.sites():
            found += self._site(site, above, now_s)
        return found

    def _own(self) -> Iterator[Finding]:
        around = self._around
        if not around.connected():
            yield Finding(Key("broker"), {"subject": around.broker})
        counts = around.troubles()
        failures = counts.get("collector_store_failures", 0) + counts.get("collector_refused", 0)
        before, self._failures = self._failures, failures
        if failures > before:
            yield Finding(Key("store"), {"count": str(failures - before)})
        free_bytes, all_bytes = around.disk(around.data) or (0, 0)
        if free_bytes < LEAST_FREE * all_bytes:
            free = size(free_bytes, self._language)
            yield Finding(Key("disk"), {"subject": around.data.name, "free": free})

    def _site(self, site: SiteFacts, above: tuple[Key, ...], now_s: float) -> Iterator[Finding]:
        name, codes = {"site": site.title}, {trouble.code for trouble in site.troubles}
        devices = self._facts.devices(site.id)
        patience_s = max([GATEWAY_SILENT_S, *(3 * device.interval_s for device in devices)])
        gateway = Key("gateway", site.id)
        if site.age_s is not None and site.age_s > patience_s:
            yield Finding(gateway, {**name, "age": f"{site.age_s / 60:.0f} min"}, above)
        elif unheard := [trouble for trouble in site.troubles if trouble.code == "unheard"]:
            yield Finding(gateway, {**name, **unheard[0].words}, above)
        if "clock" in codes:
            yield Finding(Key("clock", site.id), name, (*above, gateway))
        # Of the one disk here somebody has looked already.
        short = [each for each in site.troubles if each.code == "disk" and self._around.is_remote]
        if short or "refusing" in codes:
            free = short[0].words.get("free", "0") if short else "0"
            yield Finding(Key("disk", site.id), {**name, "subject": site.title, "free": free}, (*above, gateway))
        dead = {bus for bus in {each.bus for each in devices} if bus and _is_dead(bus, devices)}
        for bus in sorted(dead):
            yield Finding(Key("bus", site.id, bus), {**name, "subject": bus}, (*above, gateway))
        for device in devices:
            under = (*above, gateway, Key("bus", site.id, device.bus))
            yield from self._device(device, name, under, now_s)

    def _device(
        self, device: DeviceFacts, name: Mapping[str, str], under: tuple[Key, ...], now_s: float
    ) -> Iterator[Finding]:
        place, words = (device.site, device.id), {**name, "subject": device.title}
        key = Key("device", *place)
        if device.state not in _GIVES:
            state = load_texts()[self._language](f"state.{device.state}")
            yield Finding(key, {**words, "state": state}, under)
        whole = self._yesterday(device)
        if whole is not None and whole < COMPLETE:
            words_then = {**words, "share": share(whole, self._language)}
            yield Finding(Key("incomplete", *place), words_then, (*under, key))
        if self._frozen.look(place, *self._energy(device), now_s=now_s):
            yield Finding(Key("counter", *place), words, (*under, key))

    def _yesterday(self, device: DeviceFacts) -> float | None:
        """Return the share of yesterday's readouts, None where it is not known or some of them may still come."""
        before, today = device.yesterday, device.completeness
        if before is None or before.due < _FEWEST or before.until_ms is None or today is None or today.until_ms is None:
            return None
        if today.until_ms < before.until_ms + _SETTLED_MS:
            return None
        delivery = self._facts.delivery(device.site)
        waiting_ms = [each.oldest_ms for each in delivery.destinations if each.oldest_ms] if delivery else []
        return None if any(oldest_ms < before.until_ms for oldest_ms in waiting_ms) else before.share

    def _energy(self, device: DeviceFacts) -> tuple[Mapping[str, float], float]:
        """Return the energy counters of a device, and its power in kilowatts without sign."""
        counters: dict[str, float] = {}
        power_kw = 0.0
        for point in device.points:
            quantity = self._vocabulary.get(point.name)
            if quantity is None or point.value is None or point.quality not in {"good", "suspect"}:
                continue
            if quantity.kind is Kind.COUNTER and point.unit == "kWh":
                counters[point.name] = float(point.value)
            elif quantity.kind is Kind.GAUGE and point.unit in _IN_KW and "max" not in point.name:
                power_kw = max(power_kw, abs(float(point.value)) * _IN_KW[point.unit])
        return counters, power_kw


def _is_dead(bus: str, devices: Sequence[DeviceFacts]) -> bool:
    """Return whether several devices are on a bus and none of them gives values."""
    behind = [each for each in devices if each.bus == bus]
    return len(behind) > 1 and all(each.state not in _GIVES for each in behind)
