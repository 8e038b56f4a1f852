"""Schema of a device profile: facts about one model, with their source and their tests.

Type, unit, table and word order have no default: a silent default turns a wrong profile into plausible wrong numbers.
Addresses are zero-based, as on the wire. Units are the device's own.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drivers.profile_head import Number, Point, PointName, ProfileHead, Setting
from drivers.profile_records import KmpProfile, MbusProfile, ObisProfile, RecordProfile
from gateway.core.scalars import Duration
from gateway.core.strict import Strict

LAST_ADDRESS = 0xFFFF
Address = Annotated[int, Field(ge=0, le=LAST_ADDRESS)]
Word = Annotated[int, Field(ge=0, le=0xFFFF)]


class Table(StrEnum):
    """The four tables of a Modbus device."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


class ValueType(StrEnum):
    """How a value lies in its registers; bytes within a register are big-endian unless `byte_order` says otherwise."""

    BIT = "bit"
    """One coil or discrete input."""
    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    UINT48 = "uint48"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    BCD64 = "bcd64"
    MOD10K_32 = "mod10k_32"
    """Two registers of four decimal digits each."""
    MOD10K_48 = "mod10k_48"
    MOD10K_64 = "mod10k_64"
    BITS16 = "bits16"
    """`states` maps bit numbers; the first one listed that is set counts, `otherwise` when none is."""
    BITS32 = "bits32"
    STRING = "string"
    """Two characters per register; `count` says how many registers."""


WORDS: Mapping[ValueType, int] = {
    ValueType.BIT: 1,
    ValueType.UINT16: 1,
    ValueType.INT16: 1,
    ValueType.BCD16: 1,
    ValueType.BITS16: 1,
    ValueType.UINT32: 2,
    ValueType.INT32: 2,
    ValueType.FLOAT32: 2,
    ValueType.BCD32: 2,
    ValueType.MOD10K_32: 2,
    ValueType.BITS32: 2,
    ValueType.UINT48: 3,
    ValueType.MOD10K_48: 3,
    ValueType.UINT64: 4,
    ValueType.INT64: 4,
    ValueType.FLOAT64: 4,
    ValueType.BCD64: 4,
    ValueType.MOD10K_64: 4,
}
"""Registers per value; a string says it by `count`."""


class RegisterField(Strict):
    """One value in the device's registers."""

    address: Address
    type: ValueType
    table: Table | None = None
    """The profile's own if left out."""
    word_order: Literal["big", "little"] | None = None
    """Which register comes first; the profile's own if left out."""
    byte_order: Literal["big", "little"] = "big"
    """Bytes within one register."""
    count: Annotated[int, Field(ge=1, le=125)] | None = None
    """Registers of a string."""

    @property
    def words(self) -> int:
        """Registers (or bits) that the value occupies."""
        return self.count if self.count is not None else WORDS[self.type]

    @model_validator(mode="after")
    def _count_only_for_text(self) -> Self:
        if (self.type is ValueType.STRING) != (self.count is not None):
            raise ValueError("count is for type string, and required there")
        if self.address + self.words - 1 > LAST_ADDRESS:
            raise ValueError("reaches beyond address 65535")
        return self


class Condition(RegisterField):
    """A register whose value selects: exactly one of `equals` and `between`."""

    equals: tuple[int | float | str, ...] | None = None
    between: tuple[Number, Number] | None = None
    """Both ends included."""

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if (self.equals is None) == (self.between is None):
            raise ValueError("give either equals or between")
        return self


class Exponent(RegisterField):
    """A register that holds the power of ten of a value; it is read with the value in one request."""

    absent: tuple[int, ...] = (0x8000,)
    """Raw codes for 'no exponent': the value is then not available."""


class Part(RegisterField):
    """One summand of a value that the device splits, for example kWh and MWh registers."""

    scale: float = 1.0


class ModbusPoint(Point):
    """A point in Modbus registers: `address` and `type`, or the parts of a `sum`."""

    address: Address | None = None
    type: ValueType | None = None
    table: Table | None = None
    word_order: Literal["big", "little"] | None = None
    byte_order: Literal["big", "little"] = "big"
    count: Annotated[int, Field(ge=1, le=125)] | None = None
    scale_from: Exponent | None = None
    sum: tuple[Part, ...] = ()
    single: bool = False
    """The device answers only a request for exactly this value."""

    @model_validator(mode="after")
    def _place(self) -> Self:
        if self.sum and (self.address is not None or self.type is not None):
            raise ValueError("a point has either address and type, or sum")
        if not self.sum and (self.address is None or self.type is None):
            raise ValueError("a point needs address and type")
        _ = self.fields
        return self

    @property
    def fields(self) -> tuple[RegisterField, ...]:
        """The values to read: one, or the parts of the sum."""
        if self.address is None or self.type is None:
            return self.sum
        return (
            RegisterField(
                address=self.address,
                type=self.type,
                table=self.table,
                word_order=self.word_order,
                byte_order=self.byte_order,
                count=self.count,
            ),
        )


class ModbusTraits(Strict):
    """How the device wants to be asked."""

    table: Table | None = None
    word_order: Literal["big", "little"] | None = None
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    """Most registers in one request."""
    single_values: bool = False
    """One value per request, and exactly it."""
    holes: tuple[tuple[Address, Address], ...] = ()
    """Address ranges, both ends included, that must not be touched by a request."""
    timeout: Duration = 1.0
    pause: Duration = 0.0
    """Silence between two requests to this device, beside what the bus itself needs."""
    pause_after_connect: Duration = 0.0
    retry_codes: tuple[int, ...] = (5, 6, 11)
    """Exception codes that mean 'later', not 'no'."""


class Instances(Strict):
    """Connectors, sockets or channels of one device at a constant distance."""

    stride: Annotated[int, Field(ge=1, le=0xFFFF)]
    max: Annotated[int, Field(ge=1, le=255)]


class Variant(Strict):
    """What differs when one register has a certain value."""

    name: str
    when: Condition
    points: tuple[ModbusPoint, ...] = ()
    """Replace the points of the same name, or add to them."""
    without: tuple[PointName, ...] = ()
    """Points that this variant does not have."""
    word_order: Literal["big", "little"] | None = None


class Identity(Strict):
    """Where the device says who it is."""

    serial_number: RegisterField | None = None
    firmware: RegisterField | None = None
    model: RegisterField | None = None


class ProfileTest(Strict):
    """Raw registers and the values that a document or a second source gives for them."""

    registers: dict[Address, tuple[Word, ...]] = Field(default_factory=dict)
    """First address → registers, in the profile's own table."""
    tables: dict[Table, dict[Address, tuple[Word, ...]]] = Field(default_factory=dict)
    """The same where other tables are concerned."""
    instance: int | None = None
    settings: dict[Setting, float] = Field(default_factory=dict)
    expect: Annotated[dict[PointName, Number | None], Field(min_length=1)]
    """In the vocabulary's unit; null where the device gives no value."""
    note: str = ""
    """Where the expected values come from."""


class ModbusProfile(ProfileHead):
    """A device whose registers have fixed addresses."""

    protocol: Literal["modbus"]
    modbus: ModbusTraits
    fingerprint: tuple[Condition, ...] = ()
    """Registers by which `scan` recognises the model."""
    identity: Identity = Identity()
    instances: Instances | None = None
    variants: tuple[Variant, ...] = ()
    points: Annotated[tuple[ModbusPoint, ...], Field(min_length=1)]
    tests: Annotated[tuple[ProfileTest, ...], Field(min_length=1)]


class SunspecCase(Strict):
    """What differs about a point in one model."""

    name: str | None = None
    unit: str | None = None
    scale: float | None = None
    states: dict[int | str, int] | None = None
    wrap: Annotated[float, Field(gt=0)] | None = None


class SunspecPoint(Point):
    """A point of a SunSpec model; its exponent and type are found in the model."""

    model: Annotated[tuple[int, ...], Field(min_length=1)]
    """Models that carry it; the first one present in the device counts."""
    name: str
    """The point's name in the model."""
    cases: dict[int, SunspecCase] = Field(default_factory=dict)
    """Model → what is otherwise there; without `wrap` it does not begin again there."""
    groups: tuple[Annotated[int, Field(ge=1)], ...] | Literal["all"] | None = None
    """Of a group that the model repeats (trackers): the sum of these, from 1; the device's `instance` if left out."""

    def within(self, model: int) -> Self:
        """Return the point as it is in that model."""
        case = self.cases.get(model)
        if case is None:
            return self
        said = {key: value for key, value in case.model_dump().items() if value is not None}
        return self.model_copy(update={**said, "wrap": case.wrap, "cases": {}})


class SunspecTraits(Strict):
    """Where the model chain may begin."""

    bases: Annotated[tuple[Address, ...], Field(min_length=1)] = (40000, 50000, 0)
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    timeout: Duration = 1.0
    pause: Duration = 0.0
    pause_after_connect: Duration = 0.0


class SunspecProfile(ProfileHead):
    """A device that describes itself by SunSpec models."""

    protocol: Literal["sunspec"]
    sunspec: SunspecTraits = SunspecTraits()
    points: Annotated[tuple[SunspecPoint, ...], Field(min_length=1)]
    tests: Annotated[tuple[ProfileTest, ...], Field(min_length=1)]


RegisterProfile = ModbusProfile | SunspecProfile
Profile = RegisterProfile | RecordProfile
SCHEMAS: Mapping[str, type[Profile]] = {
    "modbus": ModbusProfile,
    "sunspec": SunspecProfile,
    "mbus": MbusProfile,
    "kmp": KmpProfile,
    "p1": ObisProfile,
    "d0": ObisProfile,
    "sml": ObisProfile,
    "dlms": ObisProfile,
}


class SunspecField(Strict):
    """One point of a SunSpec model, as the standard's model definition gives it."""

    name: str
    offset: Annotated[int, Field(ge=2)]
    """Registers from the model's first register (its id)."""
    type: Literal["uint16", "int16", "uint32", "int32", "uint64", "int64", "acc32", "acc64", "float32", "float64",
                  "sunssf", "enum16", "enum32", "bitfield16", "bitfield32", "string", "pad"]  # fmt: skip
    size: Annotated[int, Field(ge=1)]
    """Registers."""
    sf: str | int | None = None
    """Name of the point that holds the exponent, or the exponent itself."""
    unit: str = ""


class SunspecModel(Strict):
    """One SunSpec model."""

    id: int
    name: str
    length: int
    """Registers behind the header of two."""
    repeat: Annotated[int, Field(ge=0)] = 0
    """Registers at its end that a device repeats as often as its own length says."""
    fields: tuple[SunspecField, ...]

    def groups(self, length: int) -> int:
        """Return how often the group at the end stands in a model that is as long as a device says."""
        return max(0, length - self.length + self.repeat) // self.repeat if self.repeat else 0

    def is_repeated(self, field: SunspecField) -> bool:
        """Return whether the field belongs to the group at the end."""
        return field.offset >= self.length + 2 - self.repeat
