"""A captured session on a line: its file, and a simulated device that gives its answers again.

The file has one JSON object per line. The first one says what the line was: `{"kvarter_capture": 1, "port": "...",
"framing": "rtu", "baudrate": 9600, "parity": "none"}`. Each other one is a chunk of bytes: `{"time":
"2026-11-22T10:00:00.000Z", "direction": "out", "hex": "010300000002c40b"}`; `out` left for the devices, `in` came from
them.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from gateway.core.errors import ConfigError
from gateway.sim.talker import Mouth

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024 * 1024
"""Of a file; a day of a busy bus."""
_ANSWER_S: Final = 5.0
"""What comes later after a request was sent by itself."""
_LONGEST_S: Final = 60.0
"""Of a pause between two telegrams that are sent again."""
_TRANSACTION_BYTES: Final = 2

Framing = Literal["tcp", "rtu", "ascii"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that passed on the line at once."""

    at_s: float
    """Seconds since 1970 UTC."""
    direction: Literal["out", "in"]
    octets: bytes


@dataclass(frozen=True, slots=True)
class Capture:
    """A captured session."""

    framing: Framing
    chunks: tuple[Chunk, ...]


def load_capture(path: Path) -> Capture:
    """Return the captured session in a file.

    Raises:
        ConfigError: it cannot be read, or is no capture.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc}") from exc
    return parse_capture(content, name=str(path))


def parse_capture(content: bytes, *, name: str) -> Capture:
    """Return the captured session in the bytes of a file; `name` stands in error messages.

    Raises:
        ConfigError: they are no capture.
    """
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{name}: longer than {MAX_BYTES} bytes")
    try:
        lines = content.decode("utf-8").splitlines()
        head = json.loads(lines[0])
        if head["kvarter_capture"] != VERSION or head["framing"] not in {"tcp", "rtu", "ascii"}:
            raise ConfigError(f"{name}:1: a capture of another version of this program")
    except (IndexError, KeyError, TypeError, ValueError, RecursionError) as exc:
        raise ConfigError(f"{name}:1: not a capture; `kvarter trace --capture FILE` writes one") from exc
    # The last line may have been cut short when the capture ended.
    chunks = [_chunk(name, number, line, last=number == len(lines)) for number, line in enumerate(lines[1:], 2)]
    return Capture(head["framing"], tuple(chunk for chunk in chunks if chunk is not None))


def _chunk(name: str, number: int, line: str, *, last: bool) -> Chunk | None:
    try:
        entry = json.loads(line)
        at_s = datetime.fromisoformat(entry["time"]).timestamp()
        if entry["direction"] not in {"out", "in"}:
            raise ConfigError(f"{name}:{number}: the direction is out or in")
        return Chunk(at_s, entry["direction"], bytes.fromhex(entry["hex"]))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as exc:
        if last:
            return None
        raise ConfigError(f"{name}:{number}: not a chunk of a capture: {exc}") from exc


@dataclass(slots=True)
class _Exchange:
    """A request, and what came as its answer, each time that it was made."""

    answers: list[tuple[tuple[float, bytes], ...]] = field(default_factory=list)
    """Delay after the request or the chunk before, and the bytes."""
    next: int = 0

    def take(self) -> tuple[tuple[float, bytes], ...]:
        """Return the next answer; the last one again when all were given."""
        answer = self.answers[min(self.next, len(self.answers) - 1)]
        self.next += 1
        return answer


class CaptureTalker:
    """Implements Talker: answers each captured request as the device did, and is silent to all others.

    Args:
        capture: The session; of a Modbus TCP session, answers get the transaction id of their request.
    """

    def __init__(self, capture: Capture) -> None:
        self._numbered = capture.framing == "tcp"
        self._exchanges: dict[bytes, _Exchange] = {}
        self._pushed: list[tuple[float, bytes]] = []
        self._held = b""
        self._arrange(capture.chunks)
        self._longest = max(map(len, self._exchanges), default=0) + _TRANSACTION_BYTES

    def heard(self, chunk: bytes, mouth: Mouth) -> None:
        """Take bytes that arrived on the line, and answer by `mouth`."""
        self._held += chunk
        while (found := self._find()) is not None:
            start, key = found
            request = self._held[start : start + len(key) + (_TRANSACTION_BYTES if self._numbered else 0)]
            self._held = self._held[start + len(request) :]
            for delay_s, octets in self._exchanges[key].take():
                answer = request[:_TRANSACTION_BYTES] + octets[_TRANSACTION_BYTES:] if self._numbered else octets
                asyncio.get_running_loop().call_later(delay_s, mouth.write, answer)
        self._held = self._held[-self._longest :] if self._longest else b""

    async def speak(self, mouth: Mouth) -> None:
        """Send what the devices sent by themselves, at its pace, again and again until cancelled."""
        while self._pushed:
            for pause_s, octets in self._pushed:
                await asyncio.sleep(pause_s)
                mouth.write(octets)

    def _find(self) -> tuple[int, bytes] | None:
        """Return where the first captured request begins in what was heard, and which it is."""
        skip = _TRANSACTION_BYTES if self._numbered else 0
        found = [(place - skip, key) for key in self._exchanges if (place := self._held.find(key, skip)) >= skip]
        return min(found, key=lambda each: (each[0], -len(each[1])), default=None)

    def _arrange(self, chunks: Sequence[Chunk]) -> None:
        skip = _TRANSACTION_BYTES if self._numbered else 0
        request: Chunk | None = None
        answer: list[tuple[float, bytes]] = []
        before_s = sent_s = chunks[0].at_s if chunks else 0.0

        def close() -> None:
            if request is not None:
                self._exchanges.setdefault(request.octets[skip:], _Exchange()).answers.append(tuple(answer))

        for chunk in chunks:
            if chunk.direction == "out":
                close()
                request, answer = chunk, []
            elif request is not None and chunk.at_s - request.at_s <= _ANSWER_S:
                answer.append((max(0.0, chunk.at_s - request.at_s), chunk.octets))
            else:
                self._pushed.append((min(_LONGEST_S, max(0.0, chunk.at_s - before_s)), chunk.octets))
                before_s = chunk.at_s
        close()
        if self._pushed and self._pushed[0][0] == 0.0:
            # Between the end and the next beginning, as long as between the first two.
            pause_s = self._pushed[1][0] if len(self._pushed) > 1 else max(1.0, before_s - sent_s)
            self._pushed[0] = (pause_s, self._pushed[0][1])
