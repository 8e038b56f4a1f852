"""Whether a unit describes itself by SunSpec models, and as what."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from drivers.modbus.decode import decode_slot
from drivers.modbus.pdu import ReadRequest
from drivers.profile import SunspecModel, SunspecProfile, Table
from drivers.scan.fingerprint import LEAST, MODEL_WEIGHT, Candidate, ranked
from drivers.sunspec.chain import Placed, walk
from drivers.sunspec.points import text_slot

_TEXTS = {"maker": "Mn", "model": "Md", "firmware": "Vr", "serial_number": "SN"}
_ANY_MAKER = "SunSpec"
_BASES = (40000, 50000, 0)
Ask = Callable[[ReadRequest], Awaitable[bytes | None]]
"""Returns the registers as they came, None where there are none."""


@dataclass(frozen=True, slots=True)
class SunspecDevice:
    """What the models say."""

    models: tuple[int, ...]
    identity: Mapping[str, str] = field(default_factory=dict)


async def find_models(ask: Ask, models: Mapping[int, SunspecModel]) -> SunspecDevice | None:
    """Return what the device says of itself, None where it is no SunSpec device.

    Args:
        ask: Asks the device.
        models: What is known of models, by id.

    Raises:
        LinkDown: the port or connection is gone.
    """
    placed = await _chain(ask)
    if not placed:
        return None
    identity = {}
    for key, name in _TEXTS.items():
        slot = text_slot(name, placed, models)
        held = await ask(ReadRequest(slot.table, slot.address, slot.words)) if slot is not None else None
        text = decode_slot(slot, held) if slot is not None and held is not None else None
        if text is not None:
            identity[key] = str(text)
    return SunspecDevice(tuple(each.model for each in placed), identity)


def sunspec_candidates(device: SunspecDevice, profiles: Iterable[SunspecProfile]) -> tuple[Candidate, ...]:
    """Return the profiles whose points the models have, the likeliest first."""
    return ranked(_candidate(device, profile) for profile in profiles)


def _candidate(device: SunspecDevice, profile: SunspecProfile) -> Candidate | None:
    due = [point for point in profile.points if not point.optional]
    held = sum(not set(device.models).isdisjoint(point.model) for point in due)
    total = len(due)
    if profile.maker != _ANY_MAKER:
        said = f"{device.identity.get('maker', '')} {device.identity.get('model', '')}".casefold()
        total += MODEL_WEIGHT
        held += MODEL_WEIGHT if profile.maker.casefold() in said else 0
    if not total or held / total < LEAST:
        return None
    return Candidate(profile.profile, f"{profile.maker} {profile.model}", held / total, held)


async def _chain(ask: Ask) -> tuple[Placed, ...]:
    steps = walk(_BASES)
    address, count = next(steps)
    while True:
        held = await ask(ReadRequest(Table.HOLDING, address, count))
        try:
            address, count = steps.send(held)
        except StopIteration as found:
            models: tuple[Placed, ...] = found.value
            return models
