"""Scalars that people write in our files: identifiers, durations, ratios, addresses, credentials."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

_NUMBER = r"\d{1,13}(?:\.\d{1,9})?"
_DURATION = re.compile(rf"({_NUMBER})\s*(ms|s|min|h|d)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S = 36_525 * 86400.0
_RATIO = re.compile(rf"({_NUMBER})\s*/\s*({_NUMBER})", re.ASCII)
_HOST = r"(?:\[[0-9a-fA-F:.]+(?:%[A-Za-z0-9._-]+)?\]|[A-Za-z0-9._-]+)"
_PORT = r"(?::(?P<port>\d{1,5}))"
_LAST_PORT = 65535
_LONGEST_SHOWN = 60


def parse_duration(value: object) -> float:
    """Return seconds from text such as `250ms`, `10s`, `5min`, `1h` or `30d`."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit: write for example {value}s")
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{_shown(value)} is not a duration: write a number and ms, s, min, h or d, for example 10s")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > _LONGEST_S:
        raise ValueError(f"{_shown(value)} is longer than a century")
    return seconds


def format_duration(seconds: float) -> str:
    """Return the shortest text that `parse_duration` reads back as the same number of seconds."""
    for unit in ("d", "h", "min", "s"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    text = f"{seconds * 1000:.9f}".rstrip("0").rstrip(".")
    return f"{text}ms"


def parse_ratio(value: object) -> float:
    """Return the transformation ratio from `100/5` (primary/secondary) or a number above zero."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        ratio = float(value)
    else:
        match = _RATIO.fullmatch(str(value).strip())
        if match is None or float(match[2]) == 0:
            raise ValueError(f"{_shown(value)} is not a ratio: write primary/secondary, for example 100/5")
        ratio = float(match[1]) / float(match[2])
    if ratio <= 0:
        raise ValueError(f"{_shown(value)}: a ratio is above zero")
    return ratio


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _form(pattern: str, meaning: str, *, secret: bool = False) -> Callable[[object], str]:
    """Return a check for text of one form; a secret that stands in its place is not repeated in the message."""
    form = re.compile(pattern, re.ASCII)

    def check(value: object) -> str:
        match = form.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"{'this' if secret else _shown(value)} is not {meaning}")
        port = match.groupdict().get("port")
        if port is not None and int(port) > _LAST_PORT:
            raise ValueError(f"{match[0]!r}: a port is at most {_LAST_PORT}")
        return match[0]

    return check


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": rf"^{_NUMBER}\s*(ms|s|min|h|d)$"}),
]
"""Seconds; written with a unit."""

Interval = Annotated[Duration, Field(gt=0)]
"""A duration above zero."""

Ratio = Annotated[
    float,
    BeforeValidator(parse_ratio),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": rf"^{_NUMBER}\s*/\s*{_NUMBER}$"},
            ]
        }
    ),
]
"""Primary over secondary of a current or voltage transformer."""

Text = Annotated[str, Field(min_length=1)]
"""Text that cannot be left empty."""

_IDENTIFIER = r"[a-z0-9_-]{1,64}"
Identifier = Annotated[
    str,
    AfterValidator(_form(_IDENTIFIER, "an id: write 1 to 64 of a-z, 0-9, _ and -, for example main_meter")),
    WithJsonSchema({"type": "string", "pattern": f"^{_IDENTIFIER}$"}),
]
"""Safe as tag, topic level and table name."""

_SITE_PATTERN = r"[a-z0-9_*?-]{1,64}"
SitePattern = Annotated[
    str,
    AfterValidator(_form(_SITE_PATTERN, "a site id or a pattern of ids: write for example soenderborg-*")),
    WithJsonSchema({"type": "string", "pattern": f"^{_SITE_PATTERN}$"}),
]
"""A site id in which * stands for any text and ? for any one character."""

_PROFILE_ID = r"[a-z0-9-]+/[a-z0-9-]+"
ProfileId = Annotated[
    str,
    AfterValidator(_form(_PROFILE_ID, "a profile id: write maker/model, for example eastron/sdm630")),
    WithJsonSchema({"type": "string", "pattern": f"^{_PROFILE_ID}$"}),
]
"""maker/model."""

Endpoint = Annotated[
    str,
    AfterValidator(_form(_HOST + _PORT, "an address: write HOST:PORT, for example 192.168.1.40:502")),
    WithJsonSchema({"type": "string", "pattern": rf"^{_HOST}:\d{{1,5}}$"}),
]
"""HOST:PORT; an IPv6 address stands in brackets."""

BrokerUrl = Annotated[
    str,
    AfterValidator(
        _form(
            rf"mqtts?://{_HOST}{_PORT}?",
            "a broker: write mqtts://HOST:PORT or mqtt://HOST:PORT; user and password have keys of their own",
            secret=True,
        )
    ),
    WithJsonSchema({"type": "string", "pattern": rf"^mqtts?://{_HOST}(:\d{{1,5}})?$"}),
]
"""mqtts://HOST:PORT, or mqtt:// without TLS."""

StoreUrl = Annotated[
    str,
    AfterValidator(
        _form(
            rf"https?://{_HOST}{_PORT}?(?:/[A-Za-z0-9._~/-]*)?",
            "a store: write https://HOST:PORT or http://HOST:PORT; user, password and token have keys of their own",
            secret=True,
        )
    ),
    WithJsonSchema({"type": "string", "pattern": rf"^https?://{_HOST}(:\d{{1,5}})?(/[A-Za-z0-9._~/-]*)?$"}),
]
"""https://HOST:PORT, or http:// without TLS; a path where the store stands behind one."""

_CREDENTIAL = r"credential:[A-Za-z0-9._-]+|/.+"
Credential = Annotated[
    str,
    BeforeValidator(
        _form(_CREDENTIAL, "a credential: write credential:NAME or the path of a file, never the secret", secret=True)
    ),
    WithJsonSchema({"type": "string", "pattern": f"^({_CREDENTIAL})$"}),
]
"""`credential:NAME` (a file the service manager hands over) or the absolute path of a file; never the secret itself."""
