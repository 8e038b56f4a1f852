"""The log of what was served: the truth that an audit compares the store with."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from drivers.profile import Table
from gateway.core.errors import ConfigError
from gateway.sim.encode import Value, decode
from gateway.sim.place import PlacedPoint
from gateway.sim.words import Slot

Held = dict[Slot, tuple[int, ...]]
"""Registers of one point that were served."""


@dataclass(frozen=True, slots=True)
class Served:
    """One answer that a simulated device gave."""

    time_ms: int
    """UTC."""
    device: str
    table: Table
    address: int
    registers: tuple[int, ...]


class TruthLog:
    """Appends answers to a file of JSON lines, each before it is on its way.

    Args:
        path: Created when it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", encoding="ascii", buffering=1)

    def record(self, *, time_ms: int, device: str, table: Table, address: int, registers: Sequence[int]) -> None:
        """Note one answer."""
        self._file.write(json.dumps([time_ms, device, table, address, list(registers)], separators=(",", ":")) + "\n")

    def close(self) -> None:
        """Write everything to the file; closing twice is allowed."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_log(path: Path) -> Iterator[Served]:
    """Yield the answers of a log, in the order in which they were given.

    Raises:
        ConfigError: the file cannot be read or is not such a log.
    """
    try:
        with path.open(encoding="ascii") as file:
            for number, line in enumerate(file, start=1):
                try:
                    time_ms, device, table, address, registers = json.loads(line)
                    yield Served(time_ms, device, Table(table), address, tuple(registers))
                except (ValueError, TypeError) as exc:
                    raise ConfigError(f"{path}:{number}: not a line of a log of served registers") from exc
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc


def points_served(
    answers: Iterable[Served], points: Sequence[PlacedPoint], *, device: str
) -> Iterator[tuple[int, Mapping[str, Value]]]:
    """Yield UTC in milliseconds and what each answer of a device said of its points, in the vocabulary's unit.

    A value whose registers came in several answers is yielded with the last of them. A value and its exponent must come
    in one answer: an exponent of another instant says nothing about it.

    Args:
        answers: From `read_log`.
        points: The device's, of one instance, from `lay_out`.
        device: Its name in the log.
    """
    reader = _Reader(points)
    for answer in answers:
        if answer.device == device and (values := reader.take(answer)):
            yield answer.time_ms, values


class _Reader:
    """Remembers the registers that were served, and decodes the points that an answer completes."""

    def __init__(self, points: Sequence[PlacedPoint]) -> None:
        self._held: dict[str, Held] = {placed.name: {} for placed in points}
        self._concerned: dict[tuple[Table, int], list[tuple[PlacedPoint, Slot]]] = {}
        for placed in points:
            for slot in placed.touched:
                self._concerned.setdefault((slot.table, slot.address), []).append((placed, slot))

    def take(self, answer: Served) -> Mapping[str, Value]:
        touched: dict[str, PlacedPoint] = {}
        for offset in range(len(answer.registers)):
            for placed, slot in self._concerned.get((answer.table, answer.address + offset), ()):
                words = answer.registers[offset : offset + slot.words]
                if len(words) == slot.words:
                    self._held[placed.name][slot] = words
                    touched[placed.name] = placed
        return {name: value for name, placed in touched.items() for value in self._completed(placed)}

    def _completed(self, placed: PlacedPoint) -> Iterator[Value]:
        """Yield the value if all its registers have been served since it was last yielded."""
        held = self._held[placed.name]
        if held.keys() >= set(placed.touched):
            yield decode(placed, held)
            held.clear()
        elif placed.exponent is not None:
            held.clear()
