"""`kvarter check`: what will be asked of each bus, whether it can do it, and how long the disk lasts."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isfinite
from pathlib import Path

from drivers.factory import poll_plan
from drivers.modbus.plan import ReadPlan
from drivers.records.plan import RecordPlan
from gateway.app.configuration import Configuration, PlannedDevice, load_configuration
from gateway.core.quantity import Vocabulary, load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.core.scalars import format_duration
from gateway.core.site import LinkSettings
from gateway.document.edit import set_value
from gateway.document.tree import parse_document
from gateway.wire.line import LineEncoder

TARGET_LOAD = 0.8
"""What is left over is for retries and probes."""
SPOOLED_SHARE = 0.45
"""Spool bytes per byte of line: records are packed; measured by bench/spool_append.py."""
STORED_BYTES_PER_VALUE = 8.0
"""Of the embedded store, one wide row per readout."""
NICE_INTERVALS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What one poll group of one device costs."""

    device: PlannedDevice
    interval_s: float
    plan: ReadPlan | RecordPlan

    @property
    def load(self) -> float:
        """Share of the bus."""
        return self.plan.duration_s / self.interval_s

    @property
    def requests(self) -> str:
        """The requests of one poll, in words."""
        return ", ".join(self.plan.requests) or "none: it sends by itself"


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """What all groups behind one link cost."""

    link: LinkSettings
    plans: tuple[DevicePlan, ...]

    @property
    def load(self) -> float:
        """Share of the bus that is used."""
        return sum(plan.load for plan in self.plans)

    @property
    def fits(self) -> bool:
        """Whether the bus can do it at all."""
        return self.load <= 1.0

    def fitting(self) -> Mapping[str, float]:
        """Return device → fastest interval at which the bus is used to at most the target; proportions are kept."""
        factor = self.load / TARGET_LOAD
        return {plan.device.settings.id: _nice(plan.interval_s * factor) for plan in reversed(self.plans)}


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on a site file."""

    links: tuple[LinkPlan, ...]
    remarks: tuple[str, ...]
    offline_days: float

    @property
    def works(self) -> bool:
        """Whether every bus can do what is asked."""
        return all(link.fits for link in self.links)

    def plan_rows(self) -> list[tuple[str, ...]]:
        """Return a row per poll group."""
        return [
            (
                plan.device.settings.id,
                plan.device.settings.profile,
                link.link.id,
                str(plan.device.unit_id),
                format_duration(plan.interval_s),
                plan.requests,
                f"{plan.plan.duration_s * 1000:.0f} ms",
            )
            for link in self.links
            for plan in link.plans
        ]

    def link_rows(self) -> list[tuple[str, ...]]:
        """Return a row per link."""
        return [
            (link.link.id, link.link.port, f"{link.load:.0%}", _fastest(link), _verdict(link)) for link in self.links
        ]

    def as_json(self) -> dict[str, object]:
        """Return the report as the command prints it with --json."""
        return {
            "works": self.works,
            "links": [
                {
                    "id": link.link.id,
                    "port": link.link.port,
                    "load": round(link.load, 4),
                    "fits": link.fits,
                    "fastest_interval_s": dict(link.fitting()),
                    "devices": [
                        {
                            "id": plan.device.settings.id,
                            "profile": plan.device.settings.profile,
                            "unit_id": plan.device.unit_id,
                            "interval_s": plan.interval_s,
                            "requests": plan.plan.as_json(),
                            "duration_s": round(plan.plan.duration_s, 6),
                        }
                        for plan in link.plans
                    ],
                }
                for link in self.links
            ],
            "offline_days": round(self.offline_days, 1) if isfinite(self.offline_days) else None,
            "remarks": list(self.remarks),
        }


def check_site(path: Path) -> Report:
    """Return the verdict on a site file.

    Raises:
        ConfigError: the file is wrong.
    """
    vocabulary = load_vocabulary()
    configuration = load_configuration(path, vocabulary)
    links = tuple(link_plan(configuration, link) for link in configuration.links)
    offline_days = _offline_days(configuration, vocabulary)
    return Report(links, tuple(_remarks(configuration, links, offline_days)), offline_days)


def fit_site(path: Path) -> list[str]:
    """Write the fastest fitting intervals of every overloaded bus into the file; return what was changed, in words.

    Raises:
        ConfigError: the file is wrong, or cannot be written.
    """
    configuration = load_configuration(path, load_vocabulary())
    document, changes = configuration.document, []
    order = [device.settings.id for device in configuration.devices]
    for link in configuration.links:
        plan = link_plan(configuration, link)
        if plan.load <= TARGET_LOAD:
            continue
        for device, interval_s in plan.fitting().items():
            text = set_value(document, ("devices", order.index(device)), "interval", format_duration(interval_s))
            document = parse_document(text, name=document.name)
            changes.append(f"{device}: interval {format_duration(interval_s)}, so that {link.id} has time for all")
    if changes:
        replacement = path.with_suffix(".new")
        replacement.write_text(document.text, encoding="utf-8")
        replacement.replace(path)
    return changes


def link_plan(configuration: Configuration, link: LinkSettings) -> LinkPlan:
    """Return what all groups behind a link cost."""
    return LinkPlan(
        link, tuple(plan for device in configuration.on_link(link.id) for plan in _device_plans(device, link))
    )


def _device_plans(device: PlannedDevice, link: LinkSettings) -> list[DevicePlan]:
    plans = []
    for group in device.groups:
        plan = poll_plan(device.settings, device.file.profile, link, group.points)
        plans.append(DevicePlan(device, group.interval_s, plan))
    return plans


def _nice(seconds: float) -> float:
    """Return the next longer interval that people write."""
    return float(next((nice for nice in NICE_INTERVALS_S if nice >= seconds), ceil(seconds / 3600) * 3600))


def _fastest(link: LinkPlan) -> str:
    intervals = sorted(set(link.fitting().values()))
    return " and ".join(format_duration(interval_s) for interval_s in intervals) or "-"


def _verdict(link: LinkPlan) -> str:
    if not link.fits:
        return "cannot work: longer intervals, or a second bus (--fit writes the fastest that fit)"
    return "tight: no time for retries" if link.load > TARGET_LOAD else "fits"


def _bytes_per_s(configuration: Configuration, vocabulary: Vocabulary) -> float:
    """Return how many bytes of line the site makes in a second."""
    encoder = LineEncoder(configuration.site.site, vocabulary)
    total = 0.0
    for device in configuration.devices:
        for group in device.groups:
            values = tuple(1 if vocabulary[point].is_integer else 1234.567 for point in group.points)
            line = encoder.readout(Readout(device.settings.id, 0.0, group.points, values, Status.OK))
            total += (len(line) + 20) / group.interval_s
    return total


def _offline_days(configuration: Configuration, vocabulary: Vocabulary) -> float:
    size_bytes = configuration.site.spool.size_mib * 1024 * 1024
    rate = _bytes_per_s(configuration, vocabulary) * SPOOLED_SHARE
    return size_bytes / rate / DAY_S if rate else float("inf")


def _remarks(configuration: Configuration, links: tuple[LinkPlan, ...], offline_days: float) -> list[str]:
    site = configuration.site
    readouts_per_s = sum(1 / plan.interval_s for link in links for plan in link.plans)
    values_per_s = sum(len(g.points) / g.interval_s for device in configuration.devices for g in device.groups)
    remarks = [
        f"{len(configuration.devices)} devices, {readouts_per_s:.1f} readouts/s, {values_per_s:.0f} values/s",
        f"spool: {site.spool.size_mib} MiB hold about {offline_days:.0f} days without the server, every readout"
        if configuration.devices
        else f"no device yet: kvarter scan --serial PORT --write {configuration.document.name} adds what it finds",
    ]
    folder = next((f for f in (Path(site.store.path or site.data or "."), Path()) if f.exists()), Path())
    free_bytes = shutil.disk_usage(folder).free
    grown_bytes = values_per_s * STORED_BYTES_PER_VALUE * site.store.raw_retention
    kept = format_duration(site.store.raw_retention)
    enough = "enough" if grown_bytes < free_bytes else "NOT enough: shorten store.raw_retention or use a larger disk"
    remarks.append(
        f"kvarter run: readouts of {kept} take about {grown_bytes / 1e9:.1f} GB, "
        f"{free_bytes / 1e9:.0f} GB are free here: {enough}"
    )
    remarks += [
        f"{link.link.id}: {link.link.port} can change its name when adapters are moved; use /dev/serial/by-id/..."
        for link in links
        if link.link.serial and link.link.serial.startswith(("/dev/ttyUSB", "/dev/ttyACM"))
    ]
    unused = {link.link.id for link in links if not link.plans}
    return remarks + [f"{name}: no device is behind this link" for name in sorted(unused)]
