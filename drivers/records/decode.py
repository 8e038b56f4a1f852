"""A telegram → the readout of one device: records chosen, scaled and checked as its profile says. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from drivers.modbus.digits import Digits
from drivers.modbus.points import limits_of, opposite, straight_of
from drivers.modbus.spec import exact
from drivers.modbus.value import measure
from drivers.profile_records import RecordPoint, RecordProfile
from drivers.records.clock import instant_of
from drivers.records.select import Term, concerns, selectors
from drivers.records.telegram import Function, MeterTime, Telegram
from gateway.core.quantity import Quantity, Vocabulary
from gateway.core.readout import Readout, Status, Value
from gateway.core.site import DeviceSettings
from gateway.core.units import conversion


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a telegram was whole."""

    monotonic_s: float
    utc_ms: int
    """By our own clock, for what the meter's clock is compared with."""


@dataclass(frozen=True, slots=True)
class _Found:
    value: Value
    is_suspect: bool = False
    raw: tuple[int, ...] = ()


_NOTHING = _Found(None)


class RecordDecoder:
    """Makes the readouts of one device.

    Args:
        profile: Its model.
        settings: The device in the site file.
        vocabulary: Units and plausible ranges.
        zone: IANA name of the building's zone, for meter clocks that show local time.
    """

    def __init__(
        self, profile: RecordProfile, settings: DeviceSettings, vocabulary: Vocabulary, *, zone: str = "UTC"
    ) -> None:
        self._profile = profile
        self._settings = settings
        self._vocabulary = vocabulary
        self._zone = zone
        self._points: Mapping[str, RecordPoint] = {
            opposite(point.point) if settings.invert else point.point: point for point in profile.points
        }
        self._select = selectors(profile, settings)
        self._finish: dict[tuple[str, str], Callable[[Digits], float] | None] = {}

    @property
    def device(self) -> str:
        """Its name in the site file."""
        return self._settings.id

    @property
    def profile(self) -> RecordProfile:
        """Its model."""
        return self._profile

    @property
    def points(self) -> tuple[str, ...]:
        """Vocabulary names of all its points."""
        return tuple(self._points)

    @property
    def codes(self) -> frozenset[str]:
        """The words of the quantities that its points are made of; empty where it is heard as a whole."""
        words = (getattr(point, "quantity", None) for point in self._profile.points)
        return frozenset(word for word in words if word is not None)

    def concerns(self, telegram: Telegram) -> bool:
        """Return whether the telegram speaks of this device."""
        return concerns(self._profile, self._settings, telegram)

    def value_time(self, telegram: Telegram) -> MeterTime | None:
        """Return the meter's time of the values: the newest record's own, else the telegram's."""
        times = [record.time for point in self._select.values() for _, record in point(telegram) if record.time]
        return max(times, key=lambda time: time.local, default=telegram.time)

    def readout(
        self, telegram: Telegram, points: Sequence[str], *, arrival: Arrival, keep_raw: bool = False
    ) -> Readout:
        """Return the values of the named points, None where the telegram gives none (status PARTIAL)."""
        found = [self._find(name, telegram, arrival) for name in points]
        missing = any(
            each.value is None and not (name in self._points and self._points[name].optional)
            for name, each in zip(points, found, strict=True)
        )
        return Readout(
            self.device,
            arrival.monotonic_s,
            tuple(points),
            tuple(each.value for each in found),
            Status.PARTIAL if missing else Status.OK,
            frozenset(name for name, each in zip(points, found, strict=True) if each.is_suspect),
            tuple(each.raw for each in found) if keep_raw else (),
        )

    def _find(self, name: str, telegram: Telegram, arrival: Arrival) -> _Found:
        point = self._points.get(name)
        if point is None:
            return _NOTHING
        if point.clock is not None:
            return self._clock(point.clock, telegram, self._vocabulary[name], arrival)
        terms = self._select[point.point](telegram)
        raw = tuple(octet for _, record in terms for octet in record.raw)
        value = self._value(name, point, terms)
        if value is None:
            return _Found(None, raw=raw)
        low, high = limits_of(point, self._vocabulary[name], inverted=self._settings.invert)
        doubted = telegram.is_suspect or any(r.is_suspect or r.function is Function.ERROR for _, r in terms)
        return _Found(value, doubted or not low <= value <= high, raw)

    def _clock(
        self, kind: Literal["time", "offset"], telegram: Telegram, quantity: Quantity, arrival: Arrival
    ) -> _Found:
        time = self.value_time(telegram) if kind == "time" else telegram.time
        instant = None if time is None else instant_of(time, self._zone)
        if instant is None:
            return _NOTHING
        value = instant if kind == "time" else round(instant - arrival.utc_ms / 1000, 3)
        low, high = quantity.limits
        return _Found(value, not low <= value <= high)

    def _value(self, name: str, point: RecordPoint, terms: Sequence[Term]) -> Value:
        if not terms or any(record.value is None for _, record in terms):
            return None
        if point.states is not None:
            return _state(point, terms[0][1].value)
        unit = terms[0][1].unit or point.unit
        finish, total = self._finisher(name, point, unit), _total(terms, point, unit)
        if finish is None or total is None:
            return None
        number = finish(_digits(total))
        return round(number) if self._vocabulary[name].is_integer else number

    def _finisher(self, name: str, point: RecordPoint, unit: str) -> Callable[[Digits], float] | None:
        """Return the function from the raw number to the value, None where the units measure different things."""
        key = name, unit
        if key not in self._finish:
            said = point.model_copy(update={"unit": unit or "1"})
            fits = _converts(said.unit, self._vocabulary[name].unit)
            line = straight_of(said, self._settings, self._vocabulary, scale=Fraction(1)) if fits else None
            self._finish[key] = measure(line) if line is not None else None
        return self._finish[key]


def _total(terms: Sequence[Term], point: RecordPoint, unit: str) -> Fraction | None:
    """Return the sum of the terms in the unit, None where one is no number or measures something else."""
    total = Fraction(0)
    for sign, record in terms:
        value, own = record.value, record.unit or point.unit
        if not isinstance(value, Decimal) or not value.is_finite() or value in point.absent:
            return None
        if own != unit and not _converts(own, unit):
            return None
        factor = Fraction(1) if own == unit else exact(conversion(own, unit).factor)
        total += sign * Fraction(value) * factor
    return total


def _state(point: RecordPoint, held: Decimal | str | None) -> Value:
    states = point.states or {}
    if isinstance(held, Decimal):
        return states.get(int(held)) if held == int(held) else None
    text = (held or "").strip()
    return states.get(text, states.get(int(text)) if text.isdecimal() else None)


def _converts(unit: str, into: str) -> bool:
    try:
        conversion(unit, into)
    except ValueError:
        return False
    return True


def _digits(fraction: Fraction) -> Digits:
    """Return the fraction, whose denominator has no prime factors but 2 and 5, as a decimal."""
    decimals = 0
    while fraction.denominator != 1:
        fraction *= 10
        decimals += 1
    return fraction.numerator, decimals
