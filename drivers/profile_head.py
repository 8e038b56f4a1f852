"""What every profile has, whatever its protocol."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator

from gateway.core.scalars import Interval, ProfileId, Text
from gateway.core.strict import Strict

PointName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Number = float | int
Setting = Literal["ct_ratio", "vt_ratio", "pulse_weight"]


class Source(Strict):
    """Where the facts come from."""

    document: str
    version: str
    firmware: str = ""
    note: str = ""


class Verified(Strict):
    """Somebody compared the values with the display of a real device."""

    who: Text
    """Name, or an address under which this person answers."""
    when: date
    """Day, as 2026-11-22."""
    firmware: Text
    """Of the device, or its version or date of manufacture where it shows no firmware."""
    note: str = ""
    """What was compared, and what was not."""


class Point(Strict):
    """What every protocol's point has."""

    point: PointName
    """Name in the vocabulary."""
    unit: str
    """The device's own."""
    scale: float = 1.0
    offset: float = 0.0
    """value = raw * scale + offset, in the device's unit."""
    states: dict[int | str, int] | None = None
    """Device code → vocabulary code; a code that is not listed gives no value."""
    otherwise: int | None = None
    """Vocabulary code when no listed bit is set."""
    absent: tuple[int, ...] = ()
    """Raw codes for 'no value', as unsigned numbers of the type's width; NaN and infinity always are."""
    limits: tuple[Number, Number] | None = None
    """Plausible range in the vocabulary's unit, where this model's is narrower."""
    interval: Interval | None = None
    """The profile's own if left out."""
    optional: bool = False
    """Not every machine of the model has it: 'illegal address' means absent, not an error."""
    multiply_by: tuple[Setting, ...] = ()
    """Keys of the site file that the raw value must be multiplied by; `check` demands them."""
    wrap: Annotated[float, Field(gt=0)] | None = None
    """Where the counter would reach this value it is 0 again, in the device's unit."""

    @field_validator("scale")
    @classmethod
    def _not_zero(cls, scale: float) -> float:
        if scale == 0:
            raise ValueError("a scale of 0 makes every value 0")
        return scale


class LinkDefaults(Strict):
    """How the device leaves the factory."""

    baudrate: int | None = None
    parity: Literal["none", "even", "odd"] | None = None
    stop_bits: Literal[1, 2] | None = None
    data_bits: Literal[7, 8] | None = None
    tcp_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    unit_id: Annotated[int, Field(ge=0, le=255)] = 1


class ProfileHead(Strict):
    """What every profile has."""

    profile: ProfileId
    maker: str
    model: str
    kind: Literal[
        "electricity_meter", "heat_meter", "water_meter", "gas_meter", "heat_pump", "ev_charger", "pv_inverter",
        "battery", "ventilation", "indoor_climate", "weather_station",
    ]  # fmt: skip
    source: Annotated[tuple[Source, ...], Field(min_length=1)]
    verified: tuple[Verified, ...] = ()
    """Who compared it with a real device; empty while nobody has."""
    caveats: tuple[str, ...] = ()
    """What a reader of the values must know."""
    setup: tuple[str, ...] = ()
    """How address and baud rate are set on the device itself."""
    link_defaults: LinkDefaults = LinkDefaults()
    interval: Interval
    minimum_interval: Interval | None = None
    """Asking more often drains a battery: no configuration may."""
