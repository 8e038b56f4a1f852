"""Birth, will and live values: JSON for people, dashboards and Home Assistant."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite

from gateway.core.errors import WireError
from gateway.core.readout import Readout

MAX_STATUS_BYTES = 65_536


def iso_time(time_ms: int) -> str:
    """Return ISO 8601 in UTC with milliseconds and Z."""
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode_birth(
    *,
    run: str,
    version: str,
    counters: Mapping[str, int],
    catalogue: str | None = None,
    gateway: Mapping[str, object] | None = None,
) -> bytes:
    """Return what `status` holds while a gateway or a collector is connected.

    Args:
        run: Of this start.
        version: Of this program.
        counters: What went wrong since the start.
        catalogue: In force; a collector has none of its own.
        gateway: How it is; a collector is none.
    """
    fields: dict[str, object] = {"state": "online", "run": run, "version": version}
    if catalogue is not None:
        fields["catalogue"] = catalogue
    fields["counters"] = dict(counters)
    if gateway is not None:
        fields["gateway"] = gateway
    return json.dumps(fields, separators=(",", ":")).encode()


def encode_will(run: str) -> bytes:
    """Return what the broker puts into `status` when whoever was born there vanishes."""
    return json.dumps({"state": "offline", "run": run}, separators=(",", ":")).encode()


def decode_status(message: bytes) -> dict[str, object]:
    """Return what a gateway or a collector says of itself: a birth, a will, or more than we know of.

    Raises:
        WireError: the message is too long, or no JSON object.
    """
    if len(message) > MAX_STATUS_BYTES:
        raise WireError(f"status of {len(message)} bytes; the limit is {MAX_STATUS_BYTES}")
    try:
        tree = json.loads(message)
    except (ValueError, RecursionError) as exc:
        raise WireError(f"not a status: {exc}") from exc
    if not isinstance(tree, dict):
        raise WireError("a status is a JSON object")
    return tree


def encode_live(readout: Readout, time_ms: int | None) -> bytes:
    """Return the values of one readout; `time` is null until the clock is known."""
    fields: dict[str, object] = {
        "time": None if time_ms is None else iso_time(time_ms),
        "status": int(readout.status),
        "values": {
            point: value if value is not None and isfinite(value) else None
            for point, value in zip(readout.points, readout.values, strict=True)
        },
    }
    if readout.suspect:
        fields["suspect"] = sorted(readout.suspect)
    return json.dumps(fields, separators=(",", ":")).encode()
