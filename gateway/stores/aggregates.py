"""What all histories agree on: which aggregate a point gets, and the type of its values. Pure."""

from typing import Literal

from gateway.core.protocols import Aggregate, Query
from gateway.core.quantity import Aggregate as Keeps
from gateway.core.quantity import Kind, Vocabulary

Function = Literal["mean", "min", "max", "last", "count", "direction"]
"""`direction` is the mean of angles: an arithmetic mean of 350 and 10 degrees would be south."""


def function_of(point: str, aggregate: Aggregate | None, vocabulary: Vocabulary) -> Function:
    """Return what to compute of a point in each bucket."""
    quantity = vocabulary.get(point)
    if aggregate is None:
        aggregate = "mean" if quantity is not None and quantity.kind is Kind.GAUGE else "last"
    if aggregate == "mean" and quantity is not None and Keeps.VECTOR_MEAN in quantity.aggregates:
        return "direction"
    return aggregate


def functions_of(query: Query, vocabulary: Vocabulary) -> list[Function | None]:
    """Return what to compute of each point of a query; None for readouts as they are."""
    if query.resolution_ms is None:
        return [None] * len(query.points)
    return [function_of(point, query.aggregate, vocabulary) for point in query.points]


def typed(value: float | None, point: str, function: Function | None, vocabulary: Vocabulary) -> float | int | None:
    """Return a value as every store gives it: states, marks and counts as integers, all else as floats."""
    if value is None:
        return None
    if function == "count":
        return int(value) or None
    quantity = vocabulary.get(point)
    is_integer = point in ("status", "clock") or point.endswith("_suspect") or bool(quantity and quantity.is_integer)
    return int(value) if is_integer and function in (None, "min", "max", "last") else float(value)
