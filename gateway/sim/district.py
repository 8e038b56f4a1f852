"""A simulated district: houses, heat pumps, chargers and the sun behind one grid meter, on real sockets and lines."""

import json
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from drivers.catalog import Catalog, with_registers
from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary
from gateway.core.site import Role
from gateway.sim.course import total
from gateway.sim.device import SimulatedDevice
from gateway.sim.image import Layout, lay_out
from gateway.sim.life import Life
from gateway.sim.place import PlacedPoint
from gateway.sim.plan import Plan, charging, heat_pump, household, sun
from gateway.sim.server import serve_pty, serve_tcp
from gateway.sim.truth import TruthLog

LOG_NAME: Final = "truth.jsonl"
SITE: Final = "demo-district"


@dataclass(frozen=True, slots=True)
class _Box:
    """One simulated device and the devices of the site that are in it, one for each instance."""

    profile: str
    unit_id: int
    interval: str
    parts: Sequence["_Part"]
    points: Sequence[str] = ()
    """Only these; all of the profile if empty."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One device of the site."""

    id: str
    role: Role
    label: str
    plan: str
    """What it measures."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One port and what hangs on it."""

    id: str
    kind: Literal["terminal", "tcp", "rtu_over_tcp"]
    boxes: Sequence[_Box]
    settings: str = ""
    """Of the serial port, for the site file."""


def _one(profile: str, unit_id: int, interval: str, *, part: _Part, points: Sequence[str] = ()) -> _Box:
    return _Box(profile, unit_id, interval, (part,), points)


# A box that takes a request every half second cannot say more in 5 s.
_OF_A_SLOW_CHARGER: Final = (
    *("ev_state", "ev_error", "ev_power", "ev_current_l1", "ev_current_l2", "ev_current_l3"),
    *("ev_energy", "ev_energy_session"),
)

_LINES: Final = (
    _Line(
        "rs485_1",
        "terminal",
        (
            _one("eastron/sdm630", 1, "2s", part=_Part("main_meter", "grid", "Main meter", "grid")),
            _one("eastron/sdm120", 2, "5s", part=_Part("workshop", "sub", "Bicycle workshop", "workshop")),
            _one("eastron/sdm120", 3, "5s", part=_Part("stairwell", "sub", "Light of the stairwells", "stairwell")),
        ),
        "baudrate: 9600, parity: none, stop_bits: 1",
    ),
    _Line(
        "rs485_2",
        "terminal",
        (
            _one("abb/b23", 1, "2s", part=_Part("heating_meter", "heat_pump", "Both heat pumps", "heating")),
            _one("schneider/iem3155", 2, "2s", part=_Part("charging_meter", "charger", "All chargers", "charging")),
        ),
        "baudrate: 19200, parity: even, stop_bits: 1",
    ),
    _Line(
        "cabinet",
        "rtu_over_tcp",
        (
            _one("carlo-gavazzi/em340", 1, "1s", part=_Part("kitchen", "sub", "Common kitchen", "kitchen")),
            _one("carlo-gavazzi/em340", 2, "1s", part=_Part("roof_meter", "sub", "Feed of the roof", "roof")),
        ),
    ),
    _Line("roof", "tcp", (_one("sunspec/inverter", 1, "1s", part=_Part("inverter", "pv", "Roof", "roof")),)),
    _Line(
        "heating_1",
        "tcp",
        (_one("stiebel-eltron/isg-wpm", 1, "5s", part=_Part("heat_pump_1", "heat_pump", "House A", "pump_1")),),
    ),
    _Line(
        "heating_2",
        "tcp",
        (_one("nibe/s-series", 1, "5s", part=_Part("heat_pump_2", "heat_pump", "House B", "pump_2")),),
    ),
    _Line(
        "garage",
        "tcp",
        (
            _one(
                "keba/p30",
                255,
                "5s",
                part=_Part("charger_1", "charger", "Garage", "charger_1"),
                points=_OF_A_SLOW_CHARGER,
            ),
        ),
    ),
    _Line(
        "court",
        "tcp",
        (
            _Box(
                "phoenix-contact/charx-sec",
                1,
                "2s",
                (
                    _Part("charger_2", "charger", "Court, left", "charger_2"),
                    _Part("charger_3", "charger", "Court, right", "charger_3"),
                ),
            ),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class ServedDevice:
    """One device of the site, and where its truth is."""

    id: str
    """In the site file."""
    logged_as: str
    """In the log."""
    points: Sequence[PlacedPoint]
    """For `points_served`."""


@dataclass(frozen=True, slots=True)
class RunningDistrict:
    """A district that can be read."""

    log: Path
    """What was served; complete when the district has stopped."""
    devices: Sequence[ServedDevice]
    _ports: Mapping[str, str]

    def site_file(self, *, data: Path | None = None, broker: str | None = None) -> str:
        """Return the YAML text of a site that reads the whole district.

        Args:
            data: Folder of the gateway, left out if None.
            broker: URL of the MQTT broker, left out if None.
        """
        head = [f"site: {SITE}", "name: Simulated district", "timezone: Europe/Copenhagen", "clock: trusted"]
        head += [f"data: {json.dumps(str(data))}"] if data is not None else []
        head += [f"broker: {{url: {json.dumps(broker)}}}"] if broker is not None else []
        links = [_link_text(line, self._ports[line.id]) for line in _LINES]
        devices = [text for line in _LINES for box in line.boxes for text in _device_texts(line, box)]
        return "\n".join([*head, "links:", *links, "devices:", *devices]) + "\n"


class District:
    """Thirteen devices on two serial lines and six sockets, whose energy adds up.

    Args:
        vocabulary: Of the points.
        clock: Time of the values and of the log.
        seed: The same seed gives the same district.
    """

    def __init__(self, vocabulary: Vocabulary, *, clock: Clock, seed: int = 0) -> None:
        self._vocabulary = vocabulary
        self._clock = clock
        self._seed = seed
        self._catalog = Catalog(vocabulary)

    @asynccontextmanager
    async def serve(self, folder: Path) -> AsyncIterator[RunningDistrict]:
        """Serve every device until the block ends; links to the serial lines and the log are in the folder.

        Raises:
            ConfigError: a port cannot be had, or a profile is not there.
        """
        plans = _plans(self._seed)
        ports: dict[str, str] = {}
        served: list[ServedDevice] = []
        async with AsyncExitStack() as stack:
            log = stack.enter_context(TruthLog(folder / LOG_NAME))
            for line in _LINES:
                devices = []
                for box in line.boxes:
                    layout = self._lay_out(box)
                    devices.append(self._device(box, layout, plans=plans, log=log))
                    served += [
                        ServedDevice(part.id, box.parts[0].id, layout.points[instance])
                        for instance, part in enumerate(box.parts, start=1)
                    ]
                ports[line.id] = await stack.enter_async_context(_served(line, devices, folder))
            yield RunningDistrict(folder / LOG_NAME, tuple(served), ports)

    def _lay_out(self, box: _Box) -> Layout:
        return lay_out(
            with_registers(self._catalog.find(box.profile)), self._vocabulary, name=f"{self._seed} {box.parts[0].id}"
        )

    def _device(self, box: _Box, layout: Layout, *, plans: Mapping[str, Plan], log: TruthLog) -> SimulatedDevice:
        sources = {}
        for instance, points in layout.points.items():
            part = box.parts[min(instance, len(box.parts)) - 1]
            names = [placed.name for placed in points]
            seed = zlib.crc32(f"{self._seed} {part.id}".encode())
            sources[instance] = Life(names, self._vocabulary, plan=plans[part.plan], seed=seed)
        return SimulatedDevice(
            box.parts[0].id, layout.image, sources=sources, unit_id=box.unit_id, clock=self._clock, log=log
        )


def _plans(seed: int) -> Mapping[str, Plan]:
    """Return what each device measures; the grid has what nobody else has, and what all of them have."""
    plans = {
        "workshop": household(seed + 1, mean_w=280),
        "stairwell": household(seed + 2, mean_w=110),
        "kitchen": household(seed + 3, mean_w=650),
        "flats": household(seed + 4, mean_w=1900),
        "pump_1": heat_pump(seed + 5, peak_w=4500),
        "pump_2": heat_pump(seed + 6, peak_w=3200),
        "charger_1": charging(seed + 7, peak_w=11_000),
        "charger_2": charging(seed + 8, peak_w=11_000),
        "charger_3": charging(seed + 9, peak_w=7400),
        "roof": sun(seed + 10, peak_w=24_000),
    }
    sums = {"heating": ("pump_1", "pump_2"), "charging": ("charger_1", "charger_2", "charger_3"), "grid": tuple(plans)}
    return plans | {
        name: Plan(total([plans[part].power for part in parts]), peak_w=sum(plans[part].peak_w for part in parts))
        for name, parts in sums.items()
    }


@asynccontextmanager
async def _served(line: _Line, devices: Sequence[SimulatedDevice], folder: Path) -> AsyncIterator[str]:
    if line.kind == "terminal":
        async with serve_pty(devices, folder / line.id) as path:
            yield str(path)
    else:
        async with serve_tcp(devices, framing="tcp" if line.kind == "tcp" else "rtu") as endpoint:
            yield endpoint


def _link_text(line: _Line, port: str) -> str:
    if line.kind == "terminal":
        return f"  - {{id: {line.id}, serial: {json.dumps(port)}, {line.settings}}}"
    framing = ", framing: rtu" if line.kind == "rtu_over_tcp" else ""
    return f"  - {{id: {line.id}, tcp: {json.dumps(port)}{framing}}}"


def _device_texts(line: _Line, box: _Box) -> Sequence[str]:
    texts = []
    for instance, part in enumerate(box.parts, start=1):
        which = f", instance: {instance}" if len(box.parts) > 1 else ""
        only = f", points: [{', '.join(box.points)}]" if box.points else ""
        texts.append(
            f"  - {{id: {part.id}, profile: {box.profile}, link: {line.id}, unit_id: {box.unit_id}{which}, "
            f"role: {part.role}, label: {json.dumps(part.label)}, interval: {box.interval}{only}}}"
        )
    return texts
