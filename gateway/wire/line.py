"""One readout as one line of InfluxDB line protocol, and back.

The grammar is a small part of line protocol, so that a line means the same to every store: measurement `kvarter` with
the tags site and device, or `kvarter_event`; numeric fields only; whole milliseconds written as nanoseconds.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from gateway.core.errors import WireError
from gateway.core.quantity import Vocabulary
from gateway.core.readout import Event, Readout, Status

READING = "kvarter"
EVENT = "kvarter_event"
MAX_LINE_BYTES = 32_768

_ID = rb"[a-z0-9_-]{1,64}"
_FIELD = rb"[a-z][a-z0-9_]{0,63}=-?(?:\d{1,18}i|\d{1,20}(?:\.\d{1,20})?(?:e[+-]\d{1,3})?)"
_LINE = re.compile(
    rb"(?P<measurement>kvarter|kvarter_event)(?P<tags>(?:,[a-z]+=" + _ID + rb")+) "
    rb"(?P<fields>" + _FIELD + rb"(?:," + _FIELD + rb")*) (?P<milliseconds>\d{1,13})000000"
)
_TAGS = {READING: ({"site", "device"}, set()), EVENT: ({"site", "kind", "cause"}, {"device"})}


@dataclass(frozen=True, slots=True)
class Line:
    """A line as a collector and a store see it."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, float | int]
    """Measurements are floats; states, status and marks are integers."""
    time_ms: int
    comment: str = ""
    """JSON of an event's text and author."""


class LineEncoder:
    """Turns readouts and events of one site into lines without timestamp."""

    def __init__(self, site: str, vocabulary: Vocabulary) -> None:
        self._site = site
        self._vocabulary = vocabulary
        self._templates: dict[tuple[str, tuple[str, ...]], str] = {}

    def readout(self, readout: Readout) -> bytes:
        """Return the line body of a readout; points without value are absent from it."""
        whole = readout.status is Status.OK and not readout.suspect
        if whole and None not in readout.values and all(map(isfinite, readout.values)):  # type: ignore[arg-type]
            return (self._template(readout) % readout.values).encode()
        prefix = f"{READING},site={self._site},device={readout.device} "
        pairs = zip(readout.points, readout.values, strict=True)
        fields = [
            f"{point}={self._format(point) % value}" for point, value in pairs if value is not None and isfinite(value)
        ]
        fields += [f"{point}_suspect=1i" for point in sorted(readout.suspect)]
        return (prefix + ",".join([*fields, f"status={int(readout.status)}i"])).encode()

    def event(self, event: Event) -> bytes:
        """Return the line body of an event, behind a comment line where it has text or author."""
        device = f",device={event.device}" if event.device else ""
        body = (
            f"{EVENT},site={self._site},kind={event.kind},cause={event.cause}{device} "
            f"from={event.start_ms}i,to={event.end_ms}i,count={event.count}i"
        )
        if not (event.text or event.author):
            return body.encode()
        note = {name: value for name, value in (("text", event.text), ("author", event.author)) if value}
        return f"# {json.dumps(note, ensure_ascii=True)}\n{body}".encode()

    def _template(self, readout: Readout) -> str:
        key = (readout.device, readout.points)
        template = self._templates.get(key)
        if template is None:
            fields = [f"{point}={self._format(point)}" for point in readout.points]
            template = f"{READING},site={self._site},device={readout.device} " + ",".join([*fields, "status=0i"])
            self._templates[key] = template
        return template

    def _format(self, point: str) -> str:
        return "%di" if self._vocabulary[point].is_integer else "%.15g"


def mark_uncertain(body: bytes) -> bytes:
    """Return the body with `clock=1i`: no time service vouched for the time it will get."""
    return body + b",clock=1i"


def stamp(body: bytes, time_ms: int) -> bytes:
    """Return the complete line."""
    return b"%b %d000000" % (body, time_ms)


def parse_line(text: bytes) -> Line:
    """Return the line, with the comment that stands before it.

    Raises:
        WireError: the text is not exactly what `LineEncoder` and `stamp` write.
    """
    comment, text = _split_comment(text)
    if len(text) > MAX_LINE_BYTES:
        raise WireError(f"line of {len(text)} bytes; the limit is {MAX_LINE_BYTES}")
    match = _LINE.fullmatch(text)
    if match is None:
        raise WireError(f"not a line of ours: {text[:80]!r}")
    measurement = match["measurement"].decode()
    tags = _pairs(match["tags"][1:])
    required, optional = _TAGS[measurement]
    if not required <= tags.keys() or not tags.keys() <= required | optional:
        raise WireError(f"tags {', '.join(tags)} are not those of {measurement}")
    fields = {name: _number(value) for name, value in _pairs(match["fields"]).items()}
    return Line(measurement, tags, fields, int(match["milliseconds"]), comment)


def _split_comment(text: bytes) -> tuple[str, bytes]:
    if not text.startswith(b"#"):
        return "", text
    comment, _, line = text.partition(b"\n")
    return comment[1:].decode("ascii", "replace").strip(), line


def _pairs(text: bytes) -> dict[str, str]:
    names = [part.split("=") for part in text.decode("ascii").split(",")]
    pairs: dict[str, str] = dict(names)
    if len(pairs) != len(names):
        raise WireError("a tag or field stands twice in one line")
    return pairs


def _number(text: str) -> float | int:
    if text.endswith("i"):
        return int(text[:-1])
    value = float(text)
    if not isfinite(value):
        raise WireError(f"{text} is beyond the range of a float")
    return value
