"""The catalogue: what the points of a site mean, addressed by its content and kept in every version."""

import hashlib
import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.core.errors import WireError
from gateway.core.scalars import Identifier

MAX_CATALOGUE_BYTES = 4_194_304


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class CataloguePoint(_Entry):
    """One point of one device. stored value = raw * factor + offset."""

    unit: str
    factor: float
    """Scale, unit conversion, transformer ratio and sign in one number; 1 where the raw value is not a number."""
    offset: float = 0.0
    origin: dict[str, str | int | float] = Field(default_factory=dict)
    """Where the raw value stands in the device: table, address, type, word order, or the record's code."""
    interval_ms: int | None = None
    """How often it is read, where that is not the device's own interval."""
    wrap: float | None = None
    """Where the counter would reach this value it is 0 again, in `unit`."""


class CatalogueDevice(_Entry):
    """One device."""

    profile: str
    profile_digest: str
    """First 8 hexadecimal digits of the SHA-256 of the profile file."""
    maker: str
    model: str
    kind: str
    role: str = ""
    label: str = ""
    serial_number: str = ""
    firmware: str = ""
    interval_ms: int
    settings: dict[str, str | int | float] = Field(default_factory=dict)
    """Ratios, pulse weight and sign, as set in the site file."""
    points: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], CataloguePoint]


class Catalogue(_Entry):
    """All devices of one site."""

    site: Identifier
    name: str = ""
    timezone: str = "UTC"
    area_m2: float | None = None
    """Heated floor area."""
    software: str = ""
    vocabulary: int
    """Version of the vocabulary."""
    devices: dict[Identifier, CatalogueDevice]


def encode_catalogue(catalogue: Catalogue) -> bytes:
    """Return the message; equal catalogues give equal bytes."""
    tree = catalogue.model_dump(mode="json", exclude_none=True)
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def catalogue_id(message: bytes) -> str:
    """Return the 8 hexadecimal digits that batches name the catalogue by."""
    return hashlib.sha256(message).hexdigest()[:8]


def decode_catalogue(message: bytes) -> Catalogue:
    """Return the catalogue.

    Raises:
        WireError: the message is not a catalogue.
    """
    if len(message) > MAX_CATALOGUE_BYTES:
        raise WireError(f"catalogue of {len(message)} bytes; the limit is {MAX_CATALOGUE_BYTES}")
    try:
        return Catalogue.model_validate_json(message)
    except ValidationError as exc:
        first = exc.errors()[0]
        raise WireError(f"not a catalogue: {'.'.join(map(str, first['loc']))}: {first['msg']}") from exc
