"""How a gateway is, as its retained status says it: clock, disk, buses, and what waits to be delivered."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.core.errors import WireError
from gateway.core.scalars import Identifier
from gateway.wire.status import MAX_STATUS_BYTES

MAX_CONDITION_BYTES = 40_960
"""Of the part of a status that this module makes; a status has room for it and for its counters."""
MOST_BUSES = 256
MOST_DEVICES = 1024
MOST_WAYS = 8
_MOST_HOLES = 20
_MOST_LETTERS = 200

_Count = Annotated[int, Field(ge=0, lt=2**53)]
_Time = Annotated[int, Field(ge=0, lt=253_402_300_800_000)]
"""UTC in milliseconds, before the year 10000."""
_Share = Annotated[float, Field(ge=0, le=1e6)]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
_Words = Annotated[str, Field(max_length=_MOST_LETTERS)]
_Devices = Annotated[tuple[Identifier, ...], Field(max_length=MOST_DEVICES)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class BusCondition(_Part):
    """One bus, since the start of the gateway."""

    port: _Words = ""
    settings: _Words = ""
    """Speed and framing in words."""
    devices: _Devices = ()
    planned_load: _Share = 0.0
    load: _Share | None = None
    """Share of the last minute in which it was busy."""
    requests: _Count = 0
    timeouts: _Count = 0
    late: _Count = 0
    foreign: _Count = 0
    corrupt: _Count = 0
    reopenings: _Count = 0
    missed: _Count = 0
    backed_off: _Devices = ()
    learnt_holes: Annotated[
        dict[Identifier, Annotated[tuple[_Words, ...], Field(max_length=_MOST_HOLES)]],
        Field(max_length=MOST_DEVICES),
    ] = Field(default_factory=dict)


class WayCondition(_Part):
    """One server that readouts are delivered to."""

    waiting: _Count = 0
    oldest_ms: _Time | None = None
    size_bytes: _Count = 0
    capacity_bytes: _Count = 0
    confirmed: _Count = 0
    receipts: _Count = 0
    resent: _Count = 0
    failures: _Count = 0
    lost: _Count = 0
    thinned: _Count = 0
    refusing: bool = False


class Condition(_Part):
    """One gateway; what it does not say is unknown."""

    time_ms: _Time | None = None
    """When it said so, by its own clock."""
    started_ms: _Time | None = None
    synchronised: bool | None = None
    """A time service vouches for its clock."""
    readouts: _Count = 0
    gaps: _Count = 0
    disk_free_bytes: _Count | None = None
    disk_size_bytes: _Count | None = None
    buses: Annotated[dict[Identifier, BusCondition], Field(max_length=MOST_BUSES)] = Field(default_factory=dict)
    ways: Annotated[dict[Identifier, WayCondition], Field(max_length=MOST_WAYS)] = Field(default_factory=dict)


class GatewayStatus(_Part):
    """What stands in a retained status; a will says no more than that its gateway is gone."""

    state: Literal["online", "offline"]
    version: Annotated[str, Field(max_length=64)] = ""
    counters: Annotated[dict[_Name, _Count], Field(max_length=256)] = Field(default_factory=dict)
    """What went wrong since the start."""
    gateway: Condition | None = None
    """None where a collector speaks, or an older gateway."""


def condition_tree(condition: Condition) -> dict[str, object]:
    """Return what a status holds under `gateway`; of one that is too long, learnt holes go first, then the buses."""
    tree: dict[str, Any] = condition.model_dump(mode="json", exclude_defaults=True)
    if _size(tree) > MAX_CONDITION_BYTES:
        for bus in tree.get("buses", {}).values():
            bus.pop("learnt_holes", None)
    if _size(tree) > MAX_CONDITION_BYTES:
        tree.pop("buses", None)
    return tree


def read_status(message: bytes) -> GatewayStatus:
    """Return what a gateway says of itself; unknown keys are ignored, and what is not there is unknown.

    Raises:
        WireError: the message is too long, or says what no gateway says.
    """
    if len(message) > MAX_STATUS_BYTES:
        raise WireError(f"status of {len(message)} bytes; the limit is {MAX_STATUS_BYTES}")
    try:
        return GatewayStatus.model_validate_json(message, strict=True)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))[:_MOST_LETTERS]
        raise WireError(f"not the status of a gateway: {where}: {first['msg']}") from exc


def short(text: str) -> str:
    """Return as much of a text as a condition holds."""
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


def few_holes(holes: tuple[str, ...]) -> tuple[str, ...]:
    """Return as many of the holes of one device as a condition holds."""
    return tuple(map(short, holes[:_MOST_HOLES]))


def _size(tree: object) -> int:
    return len(json.dumps(tree, separators=(",", ":")))
