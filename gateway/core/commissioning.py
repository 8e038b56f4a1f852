"""What an installer leaves behind: a record of every device as it was put into operation, sealed by its hash."""

import hashlib
import json
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.core.errors import ConfigError
from gateway.core.sentences import Sentence, say

Scalar = str | int | float


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class CommissionedPoint(_Record):
    """One point as it was read."""

    name: str
    """In the vocabulary."""
    unit: str
    value: int | float | None
    raw: tuple[int, ...] = ()
    """Registers behind the value, where the protocol has registers."""
    suspect: bool = False
    """Outside its plausible range."""


class Said(_Record):
    """A sentence that can be said in each language."""

    code: str
    words: dict[str, str] = {}


class PlausibilityCheck(_Record):
    """One relation between values of one readout."""

    text: str
    """In English."""
    points: tuple[str, ...]
    agrees: bool
    said: tuple[Said, ...] = Field(default=(), exclude_if=lambda said: not said)
    """The same in parts; older records have none, and their seals hold without."""

    def in_language(self, language: str) -> str:
        """Return what was compared, and what to do where it does not agree."""
        return ": ".join(say(Sentence(each.code, each.words), language) for each in self.said) or self.text


class DisplayCheck(_Record):
    """What the gateway read, beside what the device showed on its own display."""

    point: str
    unit: str
    display: float
    """As typed in, in the unit of the vocabulary."""
    value: float
    """As read at that moment."""
    deviation: float
    """Value minus display."""
    deviation_percent: float | None
    """Of the display; None where that shows 0."""
    allowed: float
    """Largest deviation that is no fault, in the unit."""
    reason: Literal["class", "resolution", "drift"]
    """class: the accuracy of the meter. resolution: its last digit. drift: what flows while one reads and types."""
    agrees: bool
    time_ms: int
    """UTC, of the reading."""


class CommissionedDevice(_Record):
    """One device as it was found."""

    id: str
    label: str = ""
    role: str = ""
    profile: str
    profile_digest: str
    """First 8 hexadecimal digits of the SHA-256 of the profile file."""
    maker: str
    model: str
    kind: str
    serial_number: str = ""
    identity: dict[str, str] = {}
    """What else it says about itself: firmware, version, medium."""
    link: str
    port: str
    """Port and its settings, in words."""
    unit_id: int | None = None
    settings: dict[str, Scalar] = {}
    """What belongs to the installation: ratios, pulse weight, sign, instance."""
    status: str
    """ok, partial, or why there is nothing."""
    trouble: str = ""
    """The error, in the words of the gateway."""
    time_ms: int
    """UTC, end of the reading."""
    points: tuple[CommissionedPoint, ...] = ()
    plausibility: tuple[PlausibilityCheck, ...] = ()
    display: tuple[DisplayCheck, ...] = ()

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.id

    @property
    def answers(self) -> bool:
        """Whether it gave values."""
        return self.status in ("ok", "partial")

    @property
    def passes(self) -> bool:
        """Whether it answered and nothing about it is wrong."""
        suspect = any(point.suspect for point in self.points)
        plausible = all(check.agrees for check in self.plausibility)
        return self.answers and not suspect and plausible and all(check.agrees for check in self.display)

    def with_display(self, check: DisplayCheck) -> Self:
        """Return the device with one more check; an earlier one of the same point is replaced."""
        others = tuple(each for each in self.display if each.point != check.point)
        return self.model_copy(update={"display": (*others, check)})


class Commissioning(_Record):
    """A site as it was put into operation."""

    format: Literal["kvarter-commissioning/1"] = "kvarter-commissioning/1"
    site: str
    name: str = ""
    timezone: str = "UTC"
    by: str
    """Who answers for it."""
    time_ms: int
    """UTC, when it was sealed."""
    software: str
    vocabulary: int
    catalogue: str
    """The 8 hexadecimal digits that batches name the catalogue by."""
    site_file: str
    """SHA-256 of the site file."""
    remark: str = ""
    devices: tuple[CommissionedDevice, ...]

    @property
    def title(self) -> str:
        """What people call the site."""
        return self.name or self.site

    @property
    def passes(self) -> bool:
        """Whether every device does."""
        return bool(self.devices) and all(device.passes for device in self.devices)


def canonical(record: Commissioning) -> bytes:
    """Return the record as JSON with sorted keys and without spaces, in UTF-8: equal records give equal bytes."""
    tree = record.model_dump(mode="json")
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def seal(record: Commissioning) -> str:
    """Return the SHA-256 of the canonical JSON, in hexadecimal digits."""
    return hashlib.sha256(canonical(record)).hexdigest()


def encode_sealed(record: Commissioning) -> bytes:
    """Return the file: the canonical record and its seal, readable by people."""
    tree = {"record": record.model_dump(mode="json"), "sha256": seal(record)}
    return json.dumps(tree, indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def decode_sealed(content: bytes) -> Commissioning:
    """Return the record of a file.

    Raises:
        ConfigError: it is no such file, or was changed after it was sealed.
    """
    try:
        tree = json.loads(content)
        record = Commissioning.model_validate(tree["record"])
        stated = tree["sha256"]
    except (ValidationError, ValueError, TypeError, KeyError, RecursionError) as exc:
        raise ConfigError("not a commissioning record") from exc
    if stated != seal(record):
        raise ConfigError("the commissioning record was changed after it was sealed: its hash does not fit")
    return record
