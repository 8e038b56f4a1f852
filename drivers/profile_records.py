"""Schema of profiles for meters that describe their records themselves: a profile names, selects and scales them."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from drivers.profile_head import Number, Point, PointName, ProfileHead, Setting
from drivers.records.telegram import Function
from gateway.core.scalars import Duration
from gateway.core.strict import Strict

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Obis = Annotated[
    str, Field(pattern=r"^(\d{1,3}-(\d{1,3}|n):)?[0-9A-F]{1,3}\.[0-9]{1,3}(\.[0-9]{1,3})?(\*[0-9]{1,3})?$")
]
"""Groups that are left out may be anything; channel `n` is that of the sub-meter."""


class RecordPoint(Point):
    """A point of a meter that says the unit itself."""

    unit: str = ""
    """Only where the meter does not say it."""
    clock: Literal["time", "offset"] | None = None
    """Not a record but the meter's clock: as seconds since 1970 UTC, or seconds ahead of ours."""


class QuantityPoint(RecordPoint):
    """A record chosen by what it means; all of it must fit."""

    quantity: Word | None = None
    function: Function = Function.INSTANTANEOUS
    storage: Annotated[int, Field(ge=0)] = 0
    tariff: Annotated[int, Field(ge=0)] = 0
    subunit: Annotated[int, Field(ge=0)] = 0
    qualifiers: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.quantity is None) == (self.clock is None):
            raise ValueError("a point has either quantity or clock")
        return self


class ObisPoint(RecordPoint):
    """A record chosen by its OBIS code."""

    obis: tuple[Obis | tuple[Obis, ...], ...] = ()
    """The first entry that the telegram holds whole counts; a list within is a sum, for example of two tariffs."""
    negate: Obis | None = None
    """Subtracted, where the meter splits a signed number into import and export; without it there is no value."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.obis) == (self.clock is not None):
            raise ValueError("a point has either obis or clock")
        if self.negate is not None and len(self.obis) != 1:
            raise ValueError("negate belongs to one entry of obis; of several, each would need its own")
        return self


class TelegramTest(Strict):
    """A telegram and the values that a document or a second source gives for it."""

    telegram: str
    """Hexadecimal digits, white space allowed; plain text where the protocol is text (p1, d0)."""
    key: str | None = None
    """Hexadecimal digits, where the telegram is encrypted."""
    settings: dict[Setting, float] = Field(default_factory=dict)
    expect: Annotated[dict[PointName, Number | None], Field(min_length=1)]
    """In the vocabulary's unit; null where the meter gives no value."""
    note: str = ""
    """Where the expected values come from."""


class MbusTraits(Strict):
    """How an M-Bus meter is asked, and by what its telegram is known."""

    maker: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """Three letters of the FLAG association in its header."""
    medium: tuple[str, ...] = ()
    """Media that its header may say."""
    version: tuple[Annotated[int, Field(ge=0, le=255)], ...] = ()
    """Versions that its header may say; any if left out."""
    max_telegrams: Annotated[int, Field(ge=1, le=16)] = 1
    """Telegrams of one readout that are asked for, one after another."""
    timeout: Duration = 1.0
    pause: Duration = 0.0


class ObisTraits(Strict):
    """How a meter that speaks in OBIS codes is heard or asked, and by what it is known."""

    identification: str | None = None
    """Pattern (*, ?) that the identification line or the meter's name fits."""
    device_type: tuple[Annotated[int, Field(ge=0, le=255)], ...] = ()
    """Of a sub-meter behind a P1 port: the M-Bus device types of which it is one. Its channel is found by them."""
    mode: Literal["C", "D"] | None = None
    """Only d0. C: asked, at 300 baud first. D: it sends by itself."""
    wakeup: Duration = 0.0
    """Only d0: how long zeros are sent to wake up an optical head's meter."""
    timeout: Duration = 5.0
    """Until the first byte of an answer; where the meter sends by itself, the longest silence that is in order."""


class KmpTraits(Strict):
    """How a Kamstrup meter is asked through its optical head."""

    address: Annotated[int, Field(ge=0, le=255)] = 0x3F
    timeout: Duration = 2.0
    max_registers: Annotated[int, Field(ge=1, le=8)] = 8


class MbusProfile(ProfileHead):
    """A meter on a wired M-Bus."""

    protocol: Literal["mbus"]
    mbus: MbusTraits = MbusTraits()
    points: Annotated[tuple[QuantityPoint, ...], Field(min_length=1)]
    tests: Annotated[tuple[TelegramTest, ...], Field(min_length=1)]


class KmpProfile(ProfileHead):
    """A Kamstrup meter behind an optical head."""

    protocol: Literal["kmp"]
    kmp: KmpTraits = KmpTraits()
    points: Annotated[tuple[QuantityPoint, ...], Field(min_length=1)]
    tests: Annotated[tuple[TelegramTest, ...], Field(min_length=1)]


class ObisProfile(ProfileHead):
    """A meter that speaks in OBIS codes: P1, IEC 62056-21 (d0), SML, or DLMS push."""

    protocol: Literal["p1", "d0", "sml", "dlms"]
    obis: ObisTraits = ObisTraits()
    points: Annotated[tuple[ObisPoint, ...], Field(min_length=1)]
    tests: Annotated[tuple[TelegramTest, ...], Field(min_length=1)]

    @field_validator("obis")
    @classmethod
    def _sane(cls, traits: ObisTraits) -> ObisTraits:
        if traits.device_type and traits.mode is not None:
            raise ValueError("device_type is for sub-meters of p1, mode for d0")
        return traits


RecordProfile = MbusProfile | KmpProfile | ObisProfile
