"""What the commissioning page stands on: scans, readings and records of one gateway's site."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from drivers.scan.candidates import parse_units
from drivers.scan.found import Findings, FoundDevice
from drivers.scan.verdict import judged
from gateway.app.commissioning import Inspection, begin_inspection, check_display, read_all, read_device, sealed
from gateway.app.commissioning_records import (
    find_record,
    keep_displays,
    keep_record,
    list_records,
    load_displays,
)
from gateway.app.commissioning_report import file_name, rendered
from gateway.app.scan import ScanOptions
from gateway.app.scan_port import PortScan
from gateway.app.scan_write import preview, where_found, write_site
from gateway.core.commissioning import CommissionedDevice, DisplayCheck
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary
from gateway.core.sentences import Sentence
from gateway.core.site import LinkSettings
from gateway.export.html import content_policy
from gateway.web.commissioning_seam import (
    Added,
    BenchError,
    FoundThing,
    Installed,
    Pick,
    Report,
    ScanProgress,
    Suffix,
    Wish,
)

_BY_ID = Path("/dev/serial/by-id")
_TELL_S = 0.4
_LISTEN_S = 1.5
"""Long enough for another client, which asks at least once a second as a rule."""
_LONGEST_TEXT = 120
_MOST_MODELS = 6
_ELSE = "default-src 'none'; frame-ancestors 'none'"
_PLAIN = re.compile(r"[^\x20-\x7e\u00a0-\uffff]")
_NUMBER = "pulse_weight"
DASH = "\u2013"


class ScanWatcher:
    """Implements Watcher: remembers how far a scan is.

    Args:
        insist: Send although somebody else does.
    """

    def __init__(self, *, insist: bool) -> None:
        self.what: Sentence | None = None
        self.total = 0
        self.done = 0
        self._insist = insist

    def stage(self, what: Sentence, total: int) -> None:
        """Note that a part of so many steps begins."""
        self.what, self.total, self.done = what, total, 0

    def step(self, done: int) -> None:
        """Note how many steps are done."""
        self.done = done

    def found(self, device: FoundDevice) -> None:
        """Nothing: the findings are looked at."""

    def may_send(self, reason: str) -> bool:  # noqa: ARG002 - the verdict says it
        """Return whether to send although somebody else does."""
        return self._insist


class Bench:
    """Implements Workbench over the local sockets of the services, so that nobody stops the gateway.

    Args:
        path: The site file.
        site: Its id.
        data: The data folder of the site.
        environment: Where the service manager names its folders.
        reload: Has the site file read again.
    """

    def __init__(
        self, path: Path, site: str, data: Path, *, environment: Mapping[str, str], reload: Callable[[], None]
    ) -> None:
        self._path = path
        self._site = site
        self._data = data
        self._environment = environment
        self._reload = reload
        self._scanning = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._findings: tuple[Findings, LinkSettings] | None = None
        self._things: tuple[FoundThing, ...] | None = None
        self._checks = load_displays(data)

    @property
    def site(self) -> str:
        """Id of the site."""
        return self._site

    def ports(self) -> Sequence[str]:
        """Return the ports of the site and those that are plugged in."""
        known: list[str] = []
        with suppress(ConfigError):
            known = [link.port for link in self._inspection().configuration.links]
        plugged = sorted(str(each) for each in _BY_ID.glob("*")) if _BY_ID.is_dir() else []
        return list(dict.fromkeys([*known, *plugged]))

    async def scan(self, wish: Wish, tell: Callable[[ScanProgress], Awaitable[None]]) -> None:
        """Scan, and tell how it goes.

        Raises:
            ConfigError: there is no such port, or a scan goes on already.
        """
        if self._scanning.locked():
            raise BenchError(Sentence("bench.scanning"))
        options = _options(wish)
        async with self._scanning:
            self._things = None
            watcher = ScanWatcher(insist=wish.insist)
            scan = PortScan(options, watcher, environment=self._environment, profiles=self._profiles())
            self._findings = scan.findings, options.link
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(scan.run(), name="scan[page]")
                while not task.done():
                    self._findings = scan.findings, options.link
                    await tell(ScanProgress(watcher.what, watcher.done, watcher.total, tuple(self.found())))
                    await asyncio.wait({task}, timeout=_TELL_S)
            self._findings = scan.findings, options.link
            verdict = tuple(judged(scan.findings))
            await tell(ScanProgress(found=tuple(self.found()), verdict=verdict, finished=True))

    def found(self) -> Sequence[FoundThing]:
        """Return what the last scan found."""
        if self._findings is None:
            return ()
        findings, link = self._findings
        if self._things is not None and len(self._things) == len(findings.devices):
            return self._things
        outlooks = preview(self._path, findings, link)
        things = []
        for number, (device, outlook) in enumerate(zip(findings.devices, outlooks, strict=True)):
            best = device.best
            address = "" if device.unit_id is not None else where_found(device)
            things.append(
                FoundThing(
                    number=number,
                    id=outlook.id,
                    where=", ".join(filter(None, (address, str(device.speed or "")))),
                    unit_id=device.unit_id,
                    model=best.name if best else device.identity.get("model", ""),
                    profile=best.profile if best else "",
                    confidence=best.confidence if best else 0.0,
                    identity=", ".join(text for text in device.identity.values() if text),
                    models=tuple((each.profile, each.name) for each in device.candidates[:_MOST_MODELS]),
                    needs=outlook.needs,
                    present=outlook.present,
                )
            )
        self._things = tuple(things)
        return self._things

    async def add(self, picks: Sequence[Pick]) -> Added:
        """Write the picks into the site file and have it read again.

        Raises:
            ConfigError: an id or a setting is wrong.
        """
        if self._findings is None or not picks:
            raise BenchError(Sentence("bench.nothing_picked"))
        findings, link = self._findings
        offered = {thing.number: {profile for profile, _ in thing.models} for thing in self.found()}
        for pick in picks:
            wanted = pick.settings.get("profile")
            if wanted is not None and wanted not in offered.get(pick.number, set()):
                raise ConfigError(f"{wanted}: is none of the models that this device may be")
        chosen = {pick.number: _chosen(pick) for pick in picks}
        written = await asyncio.to_thread(write_site, self._path, findings, link, chosen=chosen)
        self._things = None
        if written.added:
            self._reload()
        return Added(written.added, written.left_out)

    def devices(self) -> Sequence[Installed]:
        """Return the devices of the site file.

        Raises:
            ConfigError: the site file is wrong.
        """
        found = []
        for each in self._inspection().configuration.devices:
            settings, profile = each.settings, each.file.profile
            checks = tuple(self._checks.get(settings.id, {}).values())
            model = f"{profile.maker} {profile.model}"
            found.append(Installed(settings.id, settings.label, model, profile.kind, checks))
        return found

    async def read(self, device: str) -> CommissionedDevice:
        """Return one device as it is now.

        Raises:
            ConfigError: there is no such device.
        """
        async with self._reading:
            return await read_device(self._inspection(), device)

    async def check(self, device: str, point: str, shown: str) -> DisplayCheck:
        """Read the device, and compare one point with what its display shows.

        Raises:
            ConfigError: there is no such device or value, or what is shown is no number.
        """
        found = await self.read(device)
        check = check_display(self._inspection(), found, point, shown)
        self._checks.setdefault(device, {})[point] = check
        await asyncio.to_thread(keep_displays, self._data, self._checks)
        return check

    async def report(self, by: str, remark: str) -> Report:
        """Read every device once more, seal the record and keep it.

        Raises:
            ConfigError: the site file is wrong, or the disk refuses the record.
        """
        inspection = self._inspection()
        async with self._reading:
            devices = await read_all(inspection, lambda _: None)
        for index, device in enumerate(devices):
            for check in self._checks.get(device.id, {}).values():
                devices[index] = devices[index].with_display(check)
        who, note = _plain(by), _plain(remark)
        if not who:
            raise BenchError(Sentence("bench.no_name"))
        kept = await asyncio.to_thread(keep_record, self._data, sealed(inspection, devices, by=who, remark=note))
        return Report(kept.name, kept.record)

    def reports(self) -> Sequence[Report]:
        """Return the records that are kept, the newest first."""
        return [Report(kept.name, kept.record) for kept in list_records(self._data)]

    async def file(self, name: str, suffix: Suffix, language: str) -> tuple[str, bytes, str] | None:
        """Return name, content and policy of a file of a report.

        Raises:
            ConfigError: the record was changed after it was sealed, or PDF cannot be made here.
        """
        kept = find_record(self._data, name)
        if kept is None:
            return None
        content = await asyncio.to_thread(rendered, kept.record, suffix, load_vocabulary(), language=language)
        return file_name(kept.record, suffix), content, content_policy() if suffix == "html" else _ELSE

    def _inspection(self) -> Inspection:
        return begin_inspection(self._path, self._environment)

    def _profiles(self) -> tuple[Path, ...]:
        return tuple(self._path.parent / folder for folder in self._inspection().configuration.site.profiles)


def _options(wish: Wish) -> ScanOptions:
    """Return what is to be scanned.

    Raises:
        ConfigError: it is no port, or these are no units.
    """
    port = _plain(wish.port)
    way = {"serial": port} if port.startswith("/") else {"tcp": port}
    try:
        link = LinkSettings.model_validate({"id": "scan", **way})
    except ValidationError as exc:
        raise BenchError(Sentence("bench.no_port", {"text": port or DASH})) from exc
    options = ScanOptions(link, mbus=wish.mbus, listen_s=_LISTEN_S)
    return replace(options, units=parse_units(wish.units)) if wish.units.strip() else options


def _chosen(pick: Pick) -> Mapping[str, object]:
    chosen: dict[str, object] = {key: _plain(text) for key, text in pick.settings.items() if _plain(text)}
    if _NUMBER in chosen:
        try:
            chosen[_NUMBER] = float(str(chosen[_NUMBER]).replace(",", "."))
        except ValueError as exc:
            words = {"name": _NUMBER.replace("_", " "), "text": str(chosen[_NUMBER])}
            raise BenchError(Sentence("bench.no_number", words)) from exc
    return {"id": pick.id, **chosen} if pick.id else chosen


def _plain(text: str) -> str:
    """Return one line of printable text, cut to a length that fits a label."""
    return _PLAIN.sub(" ", text).strip()[:_LONGEST_TEXT]
