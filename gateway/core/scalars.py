"""Scalars that people write in our files: identifiers, durations, ratios, credentials."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_RATIO = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)")


def parse_duration(value: object) -> float:
    """Return seconds from text such as `250ms`, `10s`, `5min`, `1h` or `30d`."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit: write for example {value}s")
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not a duration: write a number and ms, s, min, h or d, for example 10s")
    return float(match[1]) * _SECONDS[match[2]]


def format_duration(seconds: float) -> str:
    """Return the shortest text that `parse_duration` reads back as the same number of seconds."""
    for unit in ("d", "h", "min", "s"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:g}{unit}"
    return f"{seconds * 1000:g}ms"


def parse_ratio(value: object) -> float:
    """Return the transformation ratio from `100/5` (primary/secondary) or a number above zero."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        ratio = float(value)
    else:
        match = _RATIO.fullmatch(str(value).strip())
        if match is None or float(match[2]) == 0:
            raise ValueError(f"{value!r} is not a ratio: write primary/secondary, for example 100/5")
        ratio = float(match[1]) / float(match[2])
    if ratio <= 0:
        raise ValueError(f"{value!r}: a ratio is above zero")
    return ratio


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|min|h|d)$"}),
]
"""Seconds; written with a unit."""

Ratio = Annotated[
    float,
    BeforeValidator(parse_ratio),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": r"^[\d.]+\s*/\s*[\d.]+$"}]}
    ),
]
"""Primary over secondary of a current or voltage transformer."""

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
"""Safe as tag, topic level and table name."""

ProfileId = Annotated[str, Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")]
"""maker/model."""

Endpoint = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:.]+\]|[^:\s\[\]]+):\d{1,5}$")]
"""HOST:PORT; an IPv6 address stands in brackets."""

Credential = Annotated[str, Field(pattern=r"^(credential:[A-Za-z0-9._-]+|/.+)$")]
"""`credential:NAME` (a file the service manager hands over) or the absolute path of a file; never the secret itself."""
