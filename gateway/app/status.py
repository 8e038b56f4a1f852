"""How a running service is, in one tree: what `kvarter status` prints and its JSON holds."""

import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.app.standing import standing
from gateway.app.watch import MAIN_POINTS
from gateway.core.readout import Readout, Status, Value
from gateway.web.texts import load_texts
from gateway.wire.status import iso_time

if TYPE_CHECKING:
    from gateway.app.edge import Edge
    from gateway.app.lanes import Lane

_LATE = 3
"""A device whose last readout is older than so many of its intervals is silent."""
_LEAST_PATIENCE_S = 30.0


class LastReadouts:
    """Keeps what each device said last."""

    def __init__(self) -> None:
        self._last: dict[str, Readout] = {}
        self._standing: dict[str, Status] = {}
        self._values: dict[str, dict[str, Value]] = {}

    def show(self, readout: Readout) -> None:
        """Remember a readout."""
        before = self._standing.get(readout.device)
        self._last[readout.device], self._standing[readout.device] = readout, standing(before, readout.status)
        values = self._values.setdefault(readout.device, {})
        if not readout.points and readout.status is not Status.SKIPPED:
            values.clear()  # a value that could not be renewed is not shown as if it were
        values.update(zip(readout.points, readout.values, strict=True))

    def of(self, device: str) -> Readout | None:
        """Return the last readout of a device, None where it was not read yet."""
        return self._last.get(device)

    def status(self, device: str) -> Status | None:
        """Return how a device stands, None where it was not read yet."""
        return self._standing.get(device)

    def values(self, device: str) -> Mapping[str, Value]:
        """Return the last value of each point."""
        return self._values.get(device, {})


def service_status(edge: "Edge") -> dict[str, object]:
    """Return how a gateway is now."""
    site, now_s = edge.configuration.site, edge.clock.monotonic()
    devices = [_device(edge, index, now_s) for index in range(len(edge.configuration.devices))]
    disk = shutil.disk_usage(edge.data)
    return {
        "site": site.site,
        "name": site.name,
        "version": __version__,
        "time": iso_time(edge.clock.utc_ms()),
        "clock_synchronised": edge.clock.synchronised(),
        "readouts": edge.readouts,
        "gaps": edge.gaps,
        "devices": devices,
        "buses": [
            {
                "id": link.id,
                "port": link.settings.port,
                "requests": link.counters.requests,
                "timeouts": link.counters.timeouts,
                "discarded": link.counters.late + link.counters.foreign,
                "asked_less_often": list(poller.backed_off()),
            }
            for link, poller in edge.buses
        ],
        "delivery": [_delivery(lane) for lane in edge.lanes],
        "disk": {"free_bytes": disk.free, "size_bytes": disk.total},
        "troubles": dict(edge.troubles()),
    }


def _device(edge: "Edge", index: int, now_s: float) -> dict[str, object]:
    device = edge.configuration.devices[index]
    last = edge.last.of(device.settings.id)
    interval_s = min(group.interval_s for group in device.groups)
    age_s = None if last is None else round(now_s - last.monotonic_s, 1)
    status = edge.last.status(device.settings.id)
    state = "unread" if status is None else status.name.lower()
    if age_s is not None and age_s > max(_LATE * interval_s, _LEAST_PATIENCE_S):
        state = "silent"
    point, value = main_value(edge.last.values(device.settings.id))
    return {
        "id": device.settings.id,
        "label": device.settings.label,
        "profile": device.settings.profile,
        "bus": device.settings.link,
        "state": state,
        "age_s": age_s,
        "interval_s": interval_s,
        "point": point,
        "value": value,
        "unit": edge.configuration.vocabulary[point].unit if point else "",
    }


def state_words(state: object) -> str:
    """Return the state of a device as the page says it, in English."""
    return load_texts()["en"](f"state.{state}").removeprefix("state.")


def main_value(values: Mapping[str, Value]) -> tuple[str, Value]:
    """Return the point that stands for a device, and its value; no name where there is no value."""
    for point in (*MAIN_POINTS, *values):
        if values.get(point) is not None:
            return point, values[point]
    return "", None


def _delivery(lane: "Lane") -> dict[str, object]:
    backlog = lane.spool.backlog()
    return {
        "to": lane.destination.name,
        "connected": lane.relay.connected,
        "waiting": backlog.waiting,
        "oldest": None if backlog.oldest_ms is None else iso_time(backlog.oldest_ms),
        "confirmed": lane.relay.counters.released,
        "sent_again": lane.spool.resent_waiting(),
        "used_bytes": backlog.size_bytes,
        "capacity_bytes": backlog.capacity_bytes,
    }


def wrong(status: Mapping[str, object]) -> Sequence[str]:
    """Return what is wrong in a status, one sentence each; none when all is well."""
    said = []
    if status.get("clock_synchronised") is False:
        said.append("the clock is not synchronised: start a time service (`timedatectl set-ntp true`)")
    said += [
        f"{device['id']}: {state_words(device['state'])}; `kvarter trace` shows what is on its bus"
        for device in _mappings(status.get("devices"))
        if device.get("state") not in {"ok", "unread"}
    ]
    said += [
        f"{way['to']}: not connected; {way['waiting']} readouts wait to be delivered"
        for way in _mappings(status.get("delivery"))
        if way.get("connected") is False
    ]
    disk = status.get("disk")
    if isinstance(disk, Mapping) and int(disk["free_bytes"]) * 20 < int(disk["size_bytes"]):
        said.append("less than 5 % of the disk is free: remove what is not needed, or lower `spool: size_mib`")
    return said


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, Sequence) else []
