"""An interval as columns of its table. Pure; the columns are described in `schema`."""

from collections.abc import Mapping

from gateway.core.quantity import Aggregate, Kind, Quantity
from gateway.energy.intervals import Interval
from gateway.stores.tables import INTEGER, REAL


def interval_columns(quantity: Quantity) -> Mapping[str, str]:
    """Return name and type of the columns that the intervals of a quantity have."""
    point = quantity.name
    columns = {point: INTEGER if quantity.is_integer else REAL, f"{point}_quality": INTEGER, f"{point}_coverage": REAL}
    if quantity.kind is Kind.GAUGE:
        columns |= {f"{point}_min": REAL, f"{point}_max": REAL}
    if quantity.kind is Kind.SESSION:
        columns[f"{point}_max"] = REAL
    if quantity.kind is Kind.COUNTER:
        columns |= {f"{point}_register": REAL, f"{point}_gap": REAL}
    if quantity.kind is Kind.COUNTER or keeps_last(quantity):
        columns[f"{point}_last"] = REAL
    if Aggregate.DURATION in quantity.aggregates:
        columns |= {f"{point}_seconds_{code}": REAL for code in quantity.states}
    return columns


def interval_cells(quantity: Quantity, interval: Interval) -> Mapping[str, float | int | None]:
    """Return all that can stand in those columns for one interval."""
    point = quantity.name
    return {
        point: interval.value,
        f"{point}_quality": int(interval.quality),
        f"{point}_coverage": interval.coverage,
        f"{point}_min": interval.minimum,
        f"{point}_max": interval.maximum,
        f"{point}_register": interval.register,
        f"{point}_gap": interval.gap,
        f"{point}_last": interval.last,
        **{f"{point}_seconds_{code}": seconds for code, seconds in interval.seconds.items()},
    }


def keeps_last(quantity: Quantity) -> bool:
    """Whether the last value of a gauge is kept beside its mean."""
    return quantity.kind is Kind.GAUGE and Aggregate.LAST in quantity.aggregates
