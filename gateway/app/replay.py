"""What the spool still holds, sent again: for a store that was restored from a backup.

Run, sequence number and time stay what they were, so a row that the store has is written over by itself. New readouts
go before what is replayed. A replay that is cut short by a restart is begun anew; nothing is lost by that.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gateway.collector.settings import CollectorSettings
from gateway.core.errors import ConfigError
from gateway.core.scalars import parse_duration
from gateway.document.wording import nearest
from gateway.web.history_ask import parse_instant
from gateway.wire.status import iso_time

if TYPE_CHECKING:
    from gateway.app.lanes import Lane

FORGETS_S = 2 * CollectorSettings().remembered_s
"""A collector gives receipts without another write for what it stored within this time; it knows of no restore."""


async def replay(lanes: "Sequence[Lane]", *, since_ms: int, to: str) -> Mapping[str, object]:
    """Offer again what is held, and return for each destination what that is.

    Raises:
        ConfigError: there is no such destination.
    """
    names = [lane.destination.name for lane in lanes]
    if to and to not in names:
        raise ConfigError(f"--to {to}: this service delivers to {', '.join(names)}{nearest(to, names)}")
    return {"delivery": [await _offer(lane, since_ms) for lane in lanes if to in {"", lane.destination.name}]}


async def _offer(lane: "Lane", since_ms: int) -> Mapping[str, object]:
    await lane.spool.resend(since_ms)
    resent = lane.spool.resent
    return {
        "to": lane.destination.name,
        "readouts": resent.offered,
        "oldest": None if resent.oldest_ms is None else iso_time(resent.oldest_ms),
        "newest": None if resent.newest_ms is None else iso_time(resent.newest_ms),
    }


def since_of(text: str, *, now_ms: int, timezone: str) -> int:
    """Return the UTC instant that somebody means, in milliseconds.

    Raises:
        ConfigError: it is neither an instant nor a duration, or lies ahead.
    """
    try:
        since_ms = now_ms - round(parse_duration(text) * 1000)
    except ValueError:
        try:
            since_ms = parse_instant(text, timezone)
        except ValueError as exc:
            raise ConfigError(f"--since {text}: write 2026-06-01T12:00, or so long ago: 7d, 12h or 30min") from exc
    if since_ms > now_ms:
        raise ConfigError(f"--since {text}: lies ahead")
    return max(since_ms, 0)


def sentence(delivery: Mapping[str, object], since_ms: int) -> str:
    """Return in words what one destination gets again, and how far back the spool still holds something."""
    to, count = delivery["to"], delivery["readouts"]
    if not count:
        return f"{to}: the spool holds nothing since {iso_time(since_ms)} that is not on its way already"
    return (
        f"{to}: {count} readouts and events are sent again, the oldest of {delivery['oldest']}, the newest of "
        f"{delivery['newest']}; what the spool held of other times is used up"
    )
