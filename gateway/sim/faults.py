"""What a bad line does to replies: which fault, how often, and the bytes that come of it; no sockets here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from random import Random
from typing import Final, Literal

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

from gateway.core.errors import ConfigError
from gateway.document.validation import nearest

LineFraming = Literal["tcp", "rtu"]

_EXCEPTION: Final = 0x80
_MBAP_LENGTH: Final = 6
_EXCEPTION_LENGTH: Final = 5
_LAST_UNIT: Final = 247
_OVERHEAD: Final = 5
"""Bytes of an RTU reply beside its values: unit, function, byte count and two of check."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each fault happens, as a part of all replies; a reply suffers one of them at most."""

    delay: float = 0.0
    """Comes after `delay_s`."""
    late: float = 0.0
    """Comes after `late_s`, when the client has given up."""
    drop: float = 0.0
    """Never comes."""
    split: float = 0.0
    """Comes in several pieces."""
    merge: float = 0.0
    """Comes together with the next reply."""
    duplicate: float = 0.0
    """Comes twice."""
    foreign: float = 0.0
    """Comes behind a sound frame of another unit."""
    garbage: float = 0.0
    """Comes behind bytes that are no frame."""
    trail: float = 0.0
    """Comes with a stray byte behind it."""
    stranger: float = 0.0
    """Comes in the name of another unit, in a sound frame."""
    stale: float = 0.0
    """Comes with the transaction id of the request before; only in framing tcp."""
    protocol: float = 0.0
    """Comes with a protocol id that is not Modbus; only in framing tcp."""
    corrupt: float = 0.0
    """Comes with one bit turned over."""
    trickle: float = 0.0
    """Comes one byte every `trickle_s`."""
    close: float = 0.0
    """The connection ends instead; on a serial line the reply never comes."""
    echo: float = 0.0
    """Part of all requests that come back to the client first, as on a two-wire line."""
    delay_s: float = 0.1
    late_s: float = 1.5
    split_s: float = 0.02
    """Between two pieces."""
    trickle_s: float = 1.0

    def __post_init__(self) -> None:
        rates = [getattr(self, name) for name in RATES]
        if not all(0 <= rate <= 1 for rate in (*rates, self.echo)) or sum(rates) > 1:
            raise ValueError("rates are parts of all replies: each from 0 to 1, and together at most 1")
        if min(self.delay_s, self.late_s, self.split_s, self.trickle_s) < 0:
            raise ValueError("a time is not negative")


RATES: Final = (
    "delay", "late", "drop", "split", "merge", "duplicate", "foreign", "garbage", "trail", "stranger", "stale",
    "protocol", "corrupt", "trickle", "close",
)  # fmt: skip
"""Faults of a reply."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes to be sent to the client, and when."""

    after_s: float
    data: bytes
    close: bool = False
    """End the connection instead of sending."""


def parse_faults(text: str) -> Faults:
    """Return the faults in a text such as `late=0.05,split=0.2,late_s=2`.

    Raises:
        ConfigError: a word is unknown or a number is not one.
    """
    known = [field.name for field in fields(Faults)]
    numbers: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        word, _, number = part.partition("=")
        if word not in known:
            raise ConfigError(f"faults: unknown word {word!r}{nearest(word, known)} (known: {', '.join(known)})")
        if word in numbers:
            raise ConfigError(f"faults: {word} stands twice")
        try:
            numbers[word] = float(number)
        except ValueError as exc:
            raise ConfigError(f"faults: {part!r}: write {word}=NUMBER, for example {word}=0.1") from exc
    try:
        return Faults(**numbers)
    except ValueError as exc:
        raise ConfigError(f"faults: {exc}") from exc


def frame_length(framing: LineFraming, buffer: bytes) -> int | None:
    """Return how many bytes the reply at the start of the buffer has, None while that cannot be known."""
    if framing == "tcp":
        if len(buffer) < _MBAP_LENGTH:
            return None
        return _MBAP_LENGTH + int.from_bytes(buffer[4:6], "big")
    if len(buffer) < 3:  # noqa: PLR2004 - unit, function, byte count
        return None
    return _EXCEPTION_LENGTH if buffer[1] & _EXCEPTION else _OVERHEAD + buffer[2]


class Mischief:
    """Draws a fault for each reply; the same seed gives the same faults.

    Args:
        faults: How often.
        framing: Of the line.
        seed: Of the draws.

    Raises:
        ConfigError: a fault cannot happen in this framing.
    """

    def __init__(self, faults: Faults, *, framing: LineFraming, seed: int = 0) -> None:
        if framing != "tcp" and (faults.stale or faults.protocol):
            raise ConfigError("faults: stale and protocol are in the header of framing tcp, which RTU does not have")
        self._faults = faults
        self.framing = framing
        self._random = Random(seed)  # noqa: S311 - the same seed must give the same faults
        self._echoes = Random(seed)  # noqa: S311 - the same seed must give the same faults
        self._withheld = b""
        self._making: Mapping[str, Callable[[bytes], Sequence[Segment]]] = {
            "delay": lambda frame: [Segment(faults.delay_s, frame)],
            "late": lambda frame: [Segment(faults.late_s, frame)],
            "drop": lambda _frame: [],
            "split": self._split,
            "merge": self._withhold,
            "duplicate": lambda frame: [Segment(0.0, frame), Segment(0.0, frame)],
            "foreign": lambda frame: [Segment(0.0, self._foreign(frame) + frame)],
            "garbage": lambda frame: [Segment(0.0, self._random.randbytes(self._random.randint(1, 8)) + frame)],
            "trail": lambda frame: [Segment(0.0, frame + self._random.randbytes(1))],
            "stranger": lambda frame: [Segment(0.0, self._renamed(frame))],
            "stale": lambda frame: [Segment(0.0, _transaction(frame, -1) + frame[2:])],
            "protocol": lambda frame: [Segment(0.0, frame[:2] + b"\x00\x01" + frame[4:])],
            "corrupt": self._corrupt,
            "trickle": self._trickle,
            "close": lambda _frame: [Segment(0.0, b"", close=True)],
        }

    def request(self, data: bytes) -> Sequence[Segment]:
        """Return what a request makes the client receive, before any reply."""
        return [Segment(0.0, data)] if self._echoes.random() < self._faults.echo else []

    def reply(self, frame: bytes) -> Sequence[Segment]:
        """Return what becomes of a whole reply."""
        frame, self._withheld = self._withheld + frame, b""
        draw = self._random.random()
        for name in RATES:
            draw -= getattr(self._faults, name)
            if draw < 0:
                return self._making[name](frame)
        return [Segment(0.0, frame)]

    def _split(self, frame: bytes) -> Sequence[Segment]:
        cuts = sorted(self._random.sample(range(1, len(frame)), min(self._random.randint(1, 3), len(frame) - 1)))
        pieces = [frame[start:end] for start, end in zip([0, *cuts], [*cuts, len(frame)], strict=True)]
        return [Segment(index * self._faults.split_s, piece) for index, piece in enumerate(pieces)]

    def _withhold(self, frame: bytes) -> Sequence[Segment]:
        self._withheld = frame
        return []

    def _corrupt(self, frame: bytes) -> Sequence[Segment]:
        bent = bytearray(frame)
        bent[self._random.randrange(len(bent))] ^= 1 << self._random.randrange(8)
        return [Segment(0.0, bytes(bent))]

    def _trickle(self, frame: bytes) -> Sequence[Segment]:
        return [Segment(index * self._faults.trickle_s, bytes([octet])) for index, octet in enumerate(frame)]

    def _foreign(self, frame: bytes) -> bytes:
        """Return a sound reply of another unit to another request of the same kind."""
        renamed = self._renamed(frame, altered=True)
        return renamed if self.framing == "rtu" else _transaction(frame, 1) + renamed[2:]

    def _renamed(self, frame: bytes, *, altered: bool = False) -> bytes:
        """Return the reply as if it came from another unit, with other values if so wished."""
        tcp = self.framing == "tcp"
        unit, content = (frame[6], frame[7:]) if tcp else (frame[0], frame[1:-2])
        if altered:
            content = content[:2] + self._random.randbytes(len(content) - 2)
        framer = (FramerSocket if tcp else FramerRTU)(DecodePDU(is_server=False))
        return framer.encode(content, unit % _LAST_UNIT + 1, int.from_bytes(frame[:2], "big"))


def _transaction(frame: bytes, step: int) -> bytes:
    """Return the transaction id of a frame, some steps on."""
    return ((int.from_bytes(frame[:2], "big") + step) % 65536).to_bytes(2, "big")
