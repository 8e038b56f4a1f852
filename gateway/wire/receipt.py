"""A receipt: the collector's word that a batch is in the store."""

import json
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.core.errors import WireError

MAX_RECEIPT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Receipt:
    """Names one stored batch."""

    run: str
    first: int
    last: int
    accepts: tuple[str, ...] = ()
    """Encodings the collector takes beside plain text: `gz`."""


class _Receipt(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    run: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    first: Annotated[int, Field(ge=0, lt=2**60)]
    last: Annotated[int, Field(ge=0, lt=2**60)]
    accepts: list[Annotated[str, Field(max_length=16)]] = Field(default_factory=list, max_length=8)


def encode_receipt(receipt: Receipt) -> bytes:
    """Return the message."""
    fields = {"run": receipt.run, "first": receipt.first, "last": receipt.last, "accepts": list(receipt.accepts)}
    return json.dumps(fields, separators=(",", ":")).encode()


def decode_receipt(message: bytes) -> Receipt:
    """Return the receipt.

    Raises:
        WireError: the message is not a receipt.
    """
    if len(message) > MAX_RECEIPT_BYTES:
        raise WireError(f"receipt of {len(message)} bytes; the limit is {MAX_RECEIPT_BYTES}")
    try:
        fields = _Receipt.model_validate_json(message)
    except ValidationError as exc:
        raise WireError(f"not a receipt: {exc.errors()[0]['msg']}") from exc
    if fields.first > fields.last:
        raise WireError(f"receipt from {fields.first} to {fields.last}")
    return Receipt(fields.run, fields.first, fields.last, tuple(fields.accepts))
