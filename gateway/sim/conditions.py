"""Registers by which a device says who it is: serial number, fingerprint, and what selects a variant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from drivers.profile import Condition, ModbusProfile, Variant
from gateway.core.errors import ConfigError
from gateway.document.validation import nearest
from gateway.sim.words import Raw, Slot, bounds, from_words, slot_of, to_words

Held = Mapping[Slot, tuple[int, ...]]

_FINGERPRINT_WEIGHT = 1000
"""Matching the model counts for more than being the right variant of it."""


@dataclass(frozen=True, slots=True)
class Constants:
    """What a device holds whatever it measures."""

    fixed: Held
    """Always so: identity, and what selects the variant."""
    preferred: Held
    """Where nobody says a value: a fingerprint in a register that is a point as well."""
    alone: Held
    """Only in the answer to a request for exactly this field, because the registers mean something else as well."""


def find_variant(profile: ModbusProfile, name: str | None) -> Variant | None:
    """Return the variant of that name, None for the ordinary device.

    Raises:
        ConfigError: the profile has no such variant.
    """
    if name is None:
        return None
    for variant in profile.variants:
        if variant.name == name:
            return variant
    names = [variant.name for variant in profile.variants]
    raise ConfigError(f"{profile.profile} has no variant {name!r}{nearest(name, names)}")


def constants_of(profile: ModbusProfile, points: Iterable[Slot], *, variant: Variant | None, serial: int) -> Constants:
    """Return the registers that make `scan` recognise the device, as the given variant of its model.

    Args:
        profile: Whose registers.
        points: Registers of the points, which may be the same ones.
        variant: What the device is.
        serial: The serial number, at most 8 digits.
    """
    place = partial(slot_of, table=profile.modbus.table, word_order=profile.modbus.word_order)
    measured = frozenset(points)
    fixed: dict[Slot, tuple[int, ...]] = {}
    preferred: dict[Slot, tuple[int, ...]] = {}
    alone: dict[Slot, tuple[int, ...]] = {}
    tests: dict[Slot, list[tuple[Condition, bool, int]]] = {}
    for condition in profile.fingerprint:
        tests.setdefault(place(condition), []).append((condition, True, _FINGERPRINT_WEIGHT))
    selecting = {place(each.when) for each in profile.variants}
    for each in profile.variants:
        tests.setdefault(place(each.when), []).append((each.when, each is variant, 1))
    held = {slot: _identity_words(slot, text, serial) for slot, text in _identity(profile, place)}
    held |= {slot: _settle(slot, wanted) for slot, wanted in tests.items()}
    for slot, words in held.items():
        if slot in selecting:
            fixed[slot] = words
        elif slot in measured:
            preferred[slot] = words
        elif any(_overlap(slot, other) for other in measured):
            alone[slot] = words
        else:
            fixed[slot] = words
    return Constants(fixed, preferred, alone)


def holds(condition: Condition, raw: Raw | None) -> bool:
    """Return whether the raw value of the condition's register selects."""
    if raw is None:
        return False
    if condition.equals is not None:
        return raw in condition.equals
    low, high = condition.between or (0, 0)
    return not isinstance(raw, str) and low <= raw <= high


def _overlap(one: Slot, other: Slot) -> bool:
    return one.table is other.table and one.address < other.end and other.address < one.end


def _identity(profile: ModbusProfile, place: "partial[Slot]") -> Iterator[tuple[Slot, str]]:
    texts = {"serial_number": "", "firmware": "1.0", "model": profile.model}
    for key, text in texts.items():
        field = getattr(profile.identity, key)
        if field is not None:
            yield place(field), text


def _identity_words(slot: Slot, text: str, serial: int) -> tuple[int, ...]:
    if slot.is_text:
        return to_words(slot, (text or f"{serial:08}")[: 2 * slot.words])
    _, high = bounds(slot)
    return to_words(slot, 1 if text else serial % int(min(high, 100_000_000)))


def _settle(slot: Slot, wanted: list[tuple[Condition, bool, int]]) -> tuple[int, ...]:
    """Return the registers with which most of the conditions hold, or do not, as wanted."""
    best: tuple[int, tuple[int, ...]] = (-1, (0,) * slot.words)
    for candidate in _candidates(slot, wanted):
        try:
            words = to_words(slot, candidate)
        except ValueError:
            continue
        raw = from_words(slot, words)
        score = sum(weight for condition, wish, weight in wanted if holds(condition, raw) is wish)
        if score > best[0]:
            best = (score, words)
    return best[1]


def _candidates(slot: Slot, wanted: list[tuple[Condition, bool, int]]) -> Iterator[Raw]:
    for condition, _, _ in wanted:
        yield from condition.equals or ()
        if condition.between is not None:
            low, high = condition.between
            yield from ((low + high) / 2, low, high, low - 1, high + 1)
    yield from ("",) if slot.is_text else (0, 1, bounds(slot)[1])
