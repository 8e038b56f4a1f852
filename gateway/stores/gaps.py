"""Gaps that reach into a stretch of time, however many came after them."""

from collections.abc import Sequence

from gateway.core.readout import Event
from gateway.stores.database import Database, as_int
from gateway.stores.schema import EVERY_SITE

MOST = 5000
"""Beyond so many a drawing shows no more."""


def read_gaps(database: Database, site: str, device: str, between: tuple[int, int]) -> Sequence[Event]:
    """Return the gaps of a device, and of the whole site, that reach into the stretch; the first one first."""
    start_ms, end_ms = between
    found = database.rows(
        'SELECT cause, device, "from", "to", count, text, author FROM events WHERE site IN (?, ?) AND kind = \'gap\' '
        'AND device IN (?, \'\') AND "from" < ? AND "to" >= ? ORDER BY "from", "to" LIMIT ?',
        (site, EVERY_SITE, device, end_ms, start_ms, MOST),
    )
    return [
        Event("gap", str(cause), as_int(first), as_int(last), as_int(count), str(owner) or None, str(text), str(author))
        for cause, owner, first, last, count, text, author in found
    ]
