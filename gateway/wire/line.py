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
MAX_NOTE_CHARACTERS = 1000
"""Of an event's text and of its author; what is longer is cut."""

_LARGEST = 1e300
"""A magnitude from here on is a decoding accident, and rounding it could overflow."""
_LAST_INTEGER = 2**63 - 1

_ID = rb"[a-z0-9_-]{1,64}"
_FIELD = rb"[a-z][a-z0-9_]{0,63}=-?(?:\d{1,19}i|\d{1,20}(?:\.\d{1,20})?(?:e[+-]\d{1,3})?)"
_TIME = rb" (?P<milliseconds>\d{1,13})000000"
_READING = re.compile(
    rb"(?P<measurement>kvarter),(?P<tags>site=" + _ID + rb",device=" + _ID + rb") "
    rb"(?P<fields>(?:" + _FIELD + rb",)*status=[0-6]i(?:,clock=1i)?)" + _TIME
)
_EVENT = re.compile(
    rb"(?P<measurement>kvarter_event),(?P<tags>site=" + _ID + rb",kind=" + _ID + rb",cause=" + _ID +
    rb"(?:,device=" + _ID + rb")?) "
    rb"(?P<fields>from=-?\d{1,19}i,to=-?\d{1,19}i,count=\d{1,19}i(?:,clock=1i)?)" + _TIME
)  # fmt: skip


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
        values = readout.values
        whole = readout.status is Status.OK and not readout.suspect and None not in values
        if whole and sum(map(abs, values)) < _LARGEST:  # type: ignore[arg-type]  # False for NaN and infinity too
            return (self._template(readout) % values).encode()
        pairs = [
            (point, value)
            for point, value in zip(readout.points, values, strict=True)
            if value is not None and abs(value) < _LARGEST
        ]
        complete = len(pairs) == len(readout.points)
        status = Status.PARTIAL if readout.status is Status.OK and not complete else readout.status
        fields = [f"{point}={self._format(point) % value}" for point, value in pairs]
        fields += [f"{point}_suspect=1i" for point, _ in pairs if point in readout.suspect]
        prefix = f"{READING},site={self._site},device={readout.device} "
        return (prefix + ",".join([*fields, f"status={int(status)}i"])).encode()

    def event(self, event: Event) -> bytes:
        """Return the line body of an event, behind a comment line where it has text or author."""
        device = f",device={event.device}" if event.device else ""
        body = (
            f"{EVENT},site={self._site},kind={event.kind},cause={event.cause}{device} "
            f"from={event.start_ms}i,to={event.end_ms}i,count={event.count}i"
        )
        if not (event.text or event.author):
            return body.encode()
        texts = {"text": event.text[:MAX_NOTE_CHARACTERS], "author": event.author[:MAX_NOTE_CHARACTERS]}
        note = {name: text for name, text in texts.items() if text}
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


def told_apart(time_ms: int, *, uncertain: bool) -> int:
    """Return the time, at most 1 ms later: even where a time service vouches for it, odd where none does.

    A row that a wrong clock put into the future is never overwritten when the right time gets there.
    """
    return time_ms | 1 if uncertain else time_ms + (time_ms & 1)


def stamp(body: bytes, time_ms: int) -> bytes:
    """Return the complete line."""
    return b"%b %d000000" % (body, time_ms)


def parse_line(text: bytes) -> Line:
    """Return the line, with the comment that stands before it.

    Raises:
        WireError: the text is not exactly what `LineEncoder` and `stamp` write.
    """
    if len(text) > MAX_LINE_BYTES:
        raise WireError(f"line of {len(text)} bytes; the limit is {MAX_LINE_BYTES}")
    comment, line = _split_comment(text)
    match = _EVENT.fullmatch(line) if comment else _READING.fullmatch(line) or _EVENT.fullmatch(line)
    if match is None:
        raise WireError(f"not a line of ours: {line[:80]!r}")
    tags = dict([tag.split("=") for tag in match["tags"].decode("ascii").split(",")])
    pairs = [field.split("=") for field in match["fields"].decode("ascii").split(",")]
    fields = {name: _number(value) for name, value in pairs}
    if len(fields) != len(pairs):
        raise WireError("a field stands twice in one line")
    return Line(match["measurement"].decode(), tags, fields, int(match["milliseconds"]), comment)


def _split_comment(text: bytes) -> tuple[str, bytes]:
    if not text.startswith(b"#"):
        return "", text
    head, _, line = text.partition(b"\n")
    try:
        note = json.loads(head[1:].decode("ascii"))
    except (ValueError, RecursionError) as exc:
        raise WireError(f"not a comment of ours: {head[:80]!r}") from exc
    if not isinstance(note, dict) or not all(isinstance(part, str) for part in note.values()):
        raise WireError(f"not a comment of ours: {head[:80]!r}")
    return head[1:].decode("ascii").strip(), line


def _number(text: str) -> float | int:
    if text[-1] == "i":
        number = int(text[:-1])
        if abs(number) > _LAST_INTEGER:
            raise WireError(f"{text} is beyond the range of an integer")
        return number
    value = float(text)
    if not isfinite(value):
        raise WireError(f"{text} is beyond the range of a float")
    return value
