"""A simulated device: answers requests for registers as a device of its profile does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from drivers.profile import Table
from gateway.core.clock import Clock
from gateway.core.errors import Refused
from gateway.sim.cluster import Cluster
from gateway.sim.encode import Value, codes_for
from gateway.sim.place import PlacedPoint
from gateway.sim.words import Slot

ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3
Key = tuple[Table, int]
"""One register: table and address."""


class ValueSource(Protocol):
    """What a device measures."""

    def values(self, points: Iterable[str], *, utc_ms: int) -> Mapping[str, Value]:
        """Return the points' values at an instant, in the vocabulary's unit; a point it knows nothing of is absent."""


class Log(Protocol):
    """Keeps what was served."""

    def record(self, *, time_ms: int, device: str, table: Table, address: int, registers: Sequence[int]) -> None:
        """Note one answer."""


@dataclass(frozen=True, slots=True)
class Image:
    """All registers of a device: those that are fixed, and those that its points are written into."""

    fixed: Mapping[Key, int]
    preferred: Mapping[Key, int] = field(default_factory=dict)
    """Where the source has no value."""
    alone: Mapping[tuple[Table, int, int], tuple[int, ...]] = field(default_factory=dict)
    """Table, address and count of a request → its answer."""
    clusters: Sequence[tuple[int, Cluster]] = ()
    """Instance and points."""
    exact: frozenset[tuple[Table, int, int]] = frozenset()
    """Table, address and count of the values that answer only a request for exactly them."""
    max_registers: int = 125


class SimulatedDevice:
    """One device behind one unit id.

    Args:
        name: In the log.
        image: Its registers.
        sources: Values by instance, from 1.
        unit_id: Its address on the link.
        clock: Time of the values and of the log.
        log: Where answers are noted.
    """

    def __init__(
        self,
        name: str,
        image: Image,
        *,
        sources: Mapping[int, ValueSource],
        unit_id: int,
        clock: Clock,
        log: Log | None = None,
    ) -> None:
        self.name = name
        self.unit_id = unit_id
        self._image = image
        self._sources = sources
        self._clock = clock
        self._log = log
        self._clusters: dict[Key, list[int]] = {}
        for index, (_, cluster) in enumerate(image.clusters):
            for key in {key for slot in cluster.slots for key in keys_of(slot)}:
                self._clusters.setdefault(key, []).append(index)
        self._exact: dict[Key, set[tuple[int, int]]] = {}
        for table, first, count in image.exact:
            for address in range(first, first + count):
                self._exact.setdefault((table, address), set()).add((first, count))

    def read(self, table: Table, address: int, count: int) -> Sequence[int]:
        """Return the registers, or bits as 0 and 1, all of one instant.

        Raises:
            Refused: the device does not have them, or not in such a request.
        """
        if count < 1 or (count > self._image.max_registers and table in (Table.HOLDING, Table.INPUT)):
            raise Refused(f"{self.name}: {count} registers in one request", code=ILLEGAL_VALUE)
        time_ms = self._clock.utc_ms()
        registers = self._image.alone.get((table, address, count))
        if registers is None:
            registers = self._registers([(table, each) for each in range(address, address + count)], time_ms)
        if self._log is not None:
            self._log.record(time_ms=time_ms, device=self.name, table=table, address=address, registers=registers)
        return registers

    def _registers(self, keys: Sequence[Key], time_ms: int) -> tuple[int, ...]:
        needed: dict[int, None] = {}
        for key in keys:
            if key in self._clusters:
                needed.update(dict.fromkeys(self._clusters[key]))
            elif key not in self._image.fixed:
                raise Refused(f"{self.name}: there is no {key[0]} {key[1]}", code=ILLEGAL_ADDRESS)
            if key in self._exact and (keys[0][1], len(keys)) not in self._exact[key]:
                raise Refused(f"{self.name}: {key[0]} {key[1]} answers only alone", code=ILLEGAL_ADDRESS)
        held = self._written(needed, time_ms)
        fixed = self._image.fixed
        return tuple(fixed[key] if key in fixed else held[key] for key in keys)

    def _written(self, needed: Iterable[int], time_ms: int) -> dict[Key, int]:
        """Return what the points of the clusters say at one instant."""
        by_instance: dict[int, list[Cluster]] = {}
        for index in needed:
            instance, cluster = self._image.clusters[index]
            by_instance.setdefault(instance, []).append(cluster)
        held: dict[Key, int] = {}
        for instance, some in by_instance.items():
            names = [placed.name for cluster in some for placed in cluster.points]
            known = self._sources[instance].values(names, utc_ms=time_ms)
            for cluster in some:
                held.update(self._cluster(cluster, known))
        return held

    def _cluster(self, cluster: Cluster, known: Mapping[str, Value]) -> Iterator[tuple[Key, int]]:
        values = {placed.name: known.get(placed.name, unsaid(placed)) for placed in cluster.points}
        for slot, words in cluster.encode(values, clip=True):
            yield from zip(keys_of(slot), words, strict=True)
        for placed in cluster.points:
            if placed.name not in known:
                for key in (key for slot in placed.slots for key in keys_of(slot)):
                    if key in self._image.preferred:
                        yield key, self._image.preferred[key]


def unsaid(placed: PlacedPoint) -> Value:
    """Return what a device says of a point that nobody gave a value: 'no value' where it can, else 0."""
    point = placed.point
    if point.absent:
        return None
    if point.states is None or codes_for(placed, 0):
        return 0
    return next(iter(point.states.values()), point.otherwise)


def keys_of(slot: Slot) -> list[Key]:
    """Return each register of the slot, lowest address first."""
    return [(slot.table, address) for address in range(slot.address, slot.end)]
