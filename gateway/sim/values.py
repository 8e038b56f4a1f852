"""Values that a person chose: a YAML file of points and numbers."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gateway.core.errors import ConfigError
from gateway.document.tree import Document, Tree, load_document
from gateway.document.validation import fault, nearest
from gateway.sim.cluster import Cluster, clusters
from gateway.sim.device import unsaid
from gateway.sim.encode import Value, decode
from gateway.sim.place import PlacedPoint


class FixedValues:
    """The same values at every instant."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)

    def values(self, points: Iterable[str], *, utc_ms: int) -> Mapping[str, Value]:  # noqa: ARG002 - always the same
        """Return the values that are known of the points, whatever the instant."""
        return {name: self._values[name] for name in points if name in self._values}


def load_values(path: Path, points: Sequence[PlacedPoint]) -> FixedValues:
    """Return what the file says about a device's points: point → number in the vocabulary's unit, null for 'no value'.

    Raises:
        ConfigError: the file cannot be read, or names a point that the device does not have or a value it cannot say.
    """
    return parse_values(load_document(path), points)


def parse_values(document: Document, points: Sequence[PlacedPoint]) -> FixedValues:
    """Return what a document says about a device's points.

    Raises:
        ConfigError: it names a point that the device does not have or a value that the device cannot say.
    """
    values = parse_numbers(document, [placed.name for placed in points])
    for cluster in clusters(points):
        _check(document, cluster, values)
    return FixedValues(values)


def parse_numbers(document: Document, known: Sequence[str]) -> dict[str, Value]:
    """Return what a document says about the points that are known, in the vocabulary's unit.

    Raises:
        ConfigError: it names another point, or something that is no number.
    """
    tree = document.tree if document.tree is not None else {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{document.name}: write one line for each point, such as elec_power_active: 1234.5")
    values: dict[str, Value] = {}
    for key, content in tree.items():
        name = str(key)
        if name not in known:
            hint = nearest(name, sorted(known)) or f"; it has {', '.join(sorted(known))}"
            raise fault(document, (key,), f"the device has no such point{hint}")
        values[name] = _number(document, key, content)
    return values


def _number(document: Document, key: str | int, content: Tree) -> Value:
    if content is None or (isinstance(content, (int, float)) and not isinstance(content, bool)):
        return content
    raise fault(document, (key,), f"{content!r} is not a number")


def _check(document: Document, cluster: Cluster, values: Mapping[str, Value]) -> None:
    given = [placed for placed in cluster.points if placed.name in values]
    if not given:
        return
    said = {placed.name: values.get(placed.name, unsaid(placed)) for placed in cluster.points}
    # Alone first: the message then names the point that is wrong, and not one that it shares a register with.
    for each in (*(Cluster((placed,)) for placed in given), cluster):
        try:
            registers = dict(each.encode(said))
        except ValueError as exc:
            raise fault(document, (each.points[0].name,), str(exc)) from exc
    for placed in given:
        if placed.point.states is not None and decode(placed, registers) != said[placed.name]:
            others = ", ".join(other.name for other in cluster.points if other is not placed)
            raise fault(document, (placed.name,), f"{said[placed.name]} cannot be said beside these values of {others}")
