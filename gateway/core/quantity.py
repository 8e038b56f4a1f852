"""The vocabulary: what each quantity is called, its one unit, and what its codes mean."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    Strict,
    StringConstraints,
    ValidationError,
    model_validator,
)

from gateway.core.units import conversion

_GROUPS: Final = ("elec", "heat", "hp", "ev", "pv", "bat", "indoor", "vent", "weather", "water", "gas", "dev")


class Kind(StrEnum):
    """How a quantity behaves in time, which decides how an interval is made of it."""

    COUNTER = "counter"
    """Cumulative and non-negative; an interval is a difference."""
    GAUGE = "gauge"
    """Instantaneous; an interval is a time-weighted mean."""
    STATE = "state"
    """One of a set of codes; an interval is the last code and the seconds in each."""
    SETPOINT = "setpoint"
    """What somebody asked for; only the last counts."""
    SESSION = "session"
    """Counts from 0 within one event."""


class Aggregate(StrEnum):
    """What an interval may keep of a quantity."""

    DELTA = "delta"
    MEAN = "mean"
    VECTOR_MEAN = "vector-mean"
    MIN = "min"
    MAX = "max"
    LAST = "last"
    DURATION = "duration"


_AGGREGATES_OF: Final[Mapping[Kind, frozenset[Aggregate]]] = MappingProxyType(
    {
        Kind.COUNTER: frozenset({Aggregate.DELTA}),
        Kind.GAUGE: frozenset(Aggregate) - {Aggregate.DELTA, Aggregate.DURATION},
        Kind.STATE: frozenset({Aggregate.LAST, Aggregate.DURATION}),
        Kind.SETPOINT: frozenset({Aggregate.LAST}),
        Kind.SESSION: frozenset({Aggregate.LAST, Aggregate.MAX}),
    }
)

# Codes that look like the unit and are not. Source: UN/ECE Recommendation 20, revision 17.
_TRAPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "GJ": "is gram per millilitre; gigajoule is GV",
        "HPA": "is hectolitre of pure alcohol; hectopascal is A97",
        "K5": "is deprecated; kilovar is KVR",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One name of the vocabulary and everything that is fixed about it."""

    name: str
    unit: str
    """UCUM-style code, e.g. ``kWh``, ``Cel``, ``m3/h``, ``1``."""
    unece: str | None
    """UN/ECE Recommendation 20 code of the unit, None where there is none."""
    kind: Kind
    limits: tuple[float, float]
    """Lowest and highest plausible value in ``unit``, both included."""
    labels: Mapping[str, str] = field(hash=False)
    """Language (en, da, et, es) to label."""
    states: Mapping[int, Mapping[str, str]] = field(hash=False)
    """Code to labels by language; empty unless ``kind`` is state."""
    open_states: bool
    """True where codes that ``states`` does not name are allowed."""
    aggregates: tuple[Aggregate, ...]
    personal: bool
    """True where the value by its nature tells about people."""
    sign: str | None
    """What a positive value means, where both signs occur."""
    model: str | None
    """Smart Data Models attribute, with the factor from ``unit`` where it is not 1."""
    brick: str | None
    """Brick 1.4 class; only the nearest one where ``brick_approximate``."""
    brick_approximate: bool
    saref: str | None
    """SAREF property class."""

    @property
    def is_integer(self) -> bool:
        """True where the value travels as an integer (states), False where it travels as a float."""
        return self.kind is Kind.STATE


class Vocabulary(Mapping[str, Quantity]):
    """Every quantity by name, in the order of the file."""

    __slots__ = ("_quantities", "_version")

    def __init__(self, quantities: Iterable[Quantity], *, version: int) -> None:
        self._quantities = {quantity.name: quantity for quantity in quantities}
        self._version = version

    @property
    def version(self) -> int:
        """Raised with every new name or state code."""
        return self._version

    def __getitem__(self, name: str) -> Quantity:
        return self._quantities[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._quantities)

    def __len__(self) -> int:
        return len(self._quantities)

    def nearest(self, word: str) -> str | None:
        """Return the name spelt most like ``word``, None when nothing is like it."""
        close = get_close_matches(word.lower().replace("-", "_"), self, n=1)
        return close[0] if close else None


@cache
def load_vocabulary() -> Vocabulary:
    """Return the vocabulary that is packaged with this release.

    Raises:
        ValueError: the packaged file is damaged; the message names the entry.
    """
    return parse_vocabulary(files("gateway.core").joinpath("vocabulary.toml").read_text(encoding="utf-8"))


def parse_vocabulary(text: str) -> Vocabulary:
    """Return the vocabulary that a TOML text describes.

    Raises:
        ValueError: the text is not TOML or breaks a rule of the vocabulary; the message names each wrong entry.
    """
    try:
        document = _Document.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as exc:
        raise ValueError(f"vocabulary: not TOML: {exc}") from exc
    except ValidationError as exc:
        raise ValueError(f"vocabulary: {_explain(exc)}") from exc
    quantities = (entry.quantity(name) for name, entry in document.quantity.items())
    return Vocabulary(quantities, version=document.version)


def _explain(error: ValidationError) -> str:
    """Return every mistake with the path of its entry, in one line."""
    parts = ((".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, ")) for each in error.errors())
    return "; ".join(": ".join(filter(None, part)) for part in parts)


def _state_code(key: object) -> int:
    """Return the code that a TOML key spells, so that ``0`` and ``00`` cannot be two keys for one code."""
    if not isinstance(key, str) or not key.isdecimal() or key != str(int(key)):
        raise ValueError(f"{key!r} is not a state code: write a whole number from 0 up, without leading zeros")
    return int(key)


_Text = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S(.*\S)?$")]
_Name = Annotated[str, StringConstraints(max_length=64, pattern=rf"^({'|'.join(_GROUPS)})(_[a-z0-9]+)+$")]
_StateCode = Annotated[int, BeforeValidator(_state_code)]


class _Strict(BaseModel):
    """Text enters here: no unknown key, no coercion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Label(_Strict):
    """One text in every language that the gateway speaks."""

    en: _Text
    da: _Text
    et: _Text
    es: _Text

    def by_language(self) -> Mapping[str, str]:
        """Return language to text."""
        return MappingProxyType(self.model_dump())


class _Entry(_Strict):
    """One ``[quantity.<name>]`` table of the file."""

    unit: _Text
    unece: _Text | None = None
    kind: Annotated[Kind, Strict(strict=False)]
    aggregates: Annotated[tuple[Annotated[Aggregate, Strict(strict=False)], ...], Strict(strict=False)]
    limits: Annotated[tuple[FiniteFloat, FiniteFloat], Strict(strict=False)]
    sign: _Text | None = None
    personal: bool = False
    model: _Text | None = None
    brick: _Text | None = None
    brick_approximate: bool = False
    saref: _Text | None = None
    label: _Label
    open: bool = False
    states: dict[_StateCode, _Label] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_unit(self) -> Self:
        conversion(self.unit, self.unit)
        if self.unece is not None and self.unece in _TRAPS:
            raise ValueError(f"unece {self.unece!r} {_TRAPS[self.unece]}")
        if self.brick_approximate and self.brick is None:
            raise ValueError("brick_approximate needs brick")
        return self

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        low, high = self.limits
        if low >= high:
            raise ValueError(f"limits {low:g} to {high:g}: write [lowest, highest]")
        if self.kind is Kind.COUNTER and low < 0:
            raise ValueError("a counter is never negative: let limits start at 0")
        if not self.aggregates or len(set(self.aggregates)) != len(self.aggregates):
            raise ValueError("aggregates must name at least one, each once")
        if foreign := set(self.aggregates) - _AGGREGATES_OF[self.kind]:
            raise ValueError(f"a {self.kind} has no aggregate {', '.join(sorted(foreign))}")
        return self

    @model_validator(mode="after")
    def _check_states(self) -> Self:
        if self.kind is not Kind.STATE:
            if self.states or self.open:
                raise ValueError(f"a {self.kind} has no states")
            return self
        if self.unit != "1":
            raise ValueError(f"a state has unit '1', not {self.unit!r}")
        if not self.states and not self.open:
            raise ValueError("a state needs states, or open = true")
        low, high = self.limits
        if outside := [code for code in self.states if not low <= code <= high]:
            raise ValueError(f"states {outside} lie outside limits {low:g} to {high:g}")
        return self

    def quantity(self, name: str) -> Quantity:
        """Return this entry as the immutable value that the rest of the gateway uses."""
        return Quantity(
            name=name,
            unit=self.unit,
            unece=self.unece,
            kind=self.kind,
            limits=self.limits,
            labels=self.label.by_language(),
            states=MappingProxyType({code: label.by_language() for code, label in self.states.items()}),
            open_states=self.open,
            aggregates=self.aggregates,
            personal=self.personal,
            sign=self.sign,
            model=self.model,
            brick=self.brick,
            brick_approximate=self.brick_approximate,
            saref=self.saref,
        )


class _Document(_Strict):
    """The whole file."""

    version: Annotated[int, Field(ge=1)]
    quantity: Annotated[dict[_Name, _Entry], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_names_and_codes(self) -> Self:
        first: dict[str, tuple[str, str]] = {}
        for name, entry in self.quantity.items():
            if name.endswith("_suspect"):
                raise ValueError(f"quantity.{name}: the wire keeps names that end in _suspect for itself")
            if entry.unece is None:
                continue
            code, owner = first.setdefault(entry.unit, (entry.unece, name))
            if code != entry.unece:
                raise ValueError(f"quantity.{name}: unit {entry.unit!r} has unece {code!r} in quantity.{owner}")
        return self
