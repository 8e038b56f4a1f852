"""Which model a device is: the share of a profile's conditions that hold, a model register weighing most. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from drivers.modbus.driver import holds
from drivers.modbus.spec import Slot, slot_of
from drivers.profile import Condition, ModbusProfile
from drivers.profile_head import ProfileHead

MODEL_WEIGHT = 4
CODES_WEIGHT = 2
RANGE_WEIGHT = 1
"""A register that has one value in every device of a model says more than a state code, and that more than a range."""
LEAST = 0.5
"""A candidate below this share is none."""

_MOST_OWN = 4
_NEVER_ZERO = ("voltage", "temp", "frequency")

Value = int | float | str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that a device may be."""

    profile: str
    name: str
    """Maker and model."""
    confidence: float
    """Share of the weights that hold, 0 to 1."""
    weight: int
    """Of the conditions that hold: how much was looked at."""

    @property
    def is_certain(self) -> bool:
        """Whether its model register said so, and nothing spoke against it."""
        return self.confidence == 1.0 and self.weight >= MODEL_WEIGHT


@dataclass(frozen=True, slots=True)
class Question:
    """One condition, with its place."""

    slot: Slot
    condition: Condition

    @property
    def weight(self) -> int:
        """How much its answer says."""
        if self.condition.equals is None:
            return RANGE_WEIGHT
        return MODEL_WEIGHT if len(self.condition.equals) == 1 else CODES_WEIGHT


def questions(profile: ModbusProfile) -> tuple[Question, ...]:
    """Return the conditions of a profile, those that say most first."""
    traits = profile.modbus
    found = [
        Question(slot_of(condition, table=traits.table, word_order=traits.word_order), condition)
        for condition in profile.fingerprint
    ]
    return tuple(sorted(found, key=lambda each: -each.weight))


def suits(profile: ProfileHead, *, serial: bool) -> bool:
    """Return whether a device of the model can be behind such a port: one with a socket only is on no serial bus."""
    factory = profile.link_defaults
    return not (serial and factory.tcp_port is not None and factory.baudrate is None)


def promising(profiles: Iterable[ModbusProfile], *, known: Sequence[str] = ()) -> list[ModbusProfile]:
    """Return the profiles in the order in which to try them: found before, then those with a register for the model.

    Args:
        profiles: All of them.
        known: Profiles of devices that were found on the same bus.
    """
    tried = [profile for profile in profiles if profile.fingerprint]
    return sorted(tried, key=lambda each: (each.profile not in known, -questions(each)[0].weight, each.profile))


def candidate(profile: ModbusProfile, held: Mapping[Slot, Value]) -> Candidate | None:
    """Return the profile as a candidate, None where too much speaks against it.

    Args:
        profile: What the device may be.
        held: What was read; a slot that is missing or None does not hold.
    """
    asked = questions(profile)
    total = sum(question.weight for question in asked)
    weight = sum(question.weight for question in asked if holds(question.condition, held.get(question.slot)))
    if not total or weight / total < LEAST:
        return None
    return Candidate(profile.profile, f"{profile.maker} {profile.model}", weight / total, weight)


def is_lost(profile: ModbusProfile, held: Mapping[Slot, Value]) -> bool:
    """Return whether what was read already rules the profile out."""
    asked = questions(profile)
    total = sum(question.weight for question in asked)
    against = sum(
        question.weight
        for question in asked
        if question.slot in held and not holds(question.condition, held[question.slot])
    )
    return total - against < LEAST * total


def own_slots(profiles: Sequence[ModbusProfile]) -> dict[str, tuple[Slot, ...]]:
    """Return for each profile a few places of values that it has and the others have not, counters left out.

    Voltages and temperatures are never 0 in a device that has them: they stand first.
    """
    places = {profile.profile: _places(profile) for profile in profiles}
    return {
        name: tuple(
            slot for slot in slots if not any(slot in others for other, others in places.items() if other != name)
        )[:_MOST_OWN]
        for name, slots in places.items()
    }


def _places(profile: ModbusProfile) -> list[Slot]:
    points = [point for point in profile.points if not point.optional and any(w in point.point for w in _NEVER_ZERO)]
    traits = profile.modbus
    return [slot_of(point.fields[0], table=traits.table, word_order=traits.word_order) for point in points]


def ranked(candidates: Iterable[Candidate | None]) -> tuple[Candidate, ...]:
    """Return the candidates, the likeliest first."""
    return tuple(
        sorted(
            (each for each in candidates if each is not None),
            key=lambda each: (-each.confidence, -each.weight, each.profile),
        )
    )
