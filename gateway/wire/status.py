"""Birth, will and live values: JSON for people, dashboards and Home Assistant."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite

from gateway.core.readout import Readout


def iso_time(time_ms: int) -> str:
    """Return ISO 8601 in UTC with milliseconds and Z."""
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode_birth(*, run: str, version: str, catalogue: str, counters: Mapping[str, int]) -> bytes:
    """Return what `status` holds while the gateway is connected; counters say what went wrong since the start."""
    fields = {"state": "online", "run": run, "version": version, "catalogue": catalogue, "counters": dict(counters)}
    return json.dumps(fields, separators=(",", ":")).encode()


def encode_will(run: str) -> bytes:
    """Return what the broker puts into `status` when the gateway vanishes."""
    return json.dumps({"state": "offline", "run": run}, separators=(",", ":")).encode()


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
