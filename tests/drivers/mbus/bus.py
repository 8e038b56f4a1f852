"""A bus of simulated meters, and a link to it in virtual time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drivers.link import Link
from drivers.profile_records import MbusProfile
from gateway.core.quantity import load_vocabulary
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.sim.mbus import MbusLine, SimulatedMbusMeter
from gateway.sim.values import FixedValues
from tests.fakes_stream import Answers, FakePort, LoopClock

VOCABULARY = load_vocabulary()
SERIAL = LinkSettings(id="mbus_1", serial="/dev/ttyUSB0", baudrate=2400, parity="even")
SOCKET = LinkSettings(id="mbus_1", tcp="127.0.0.1:10001")
VALUES: Mapping[str, float] = {
    "heat_energy": 12345.678,
    "heat_volume": 321.987,
    "heat_flow": 0.432,
    "heat_power": 5678.0,
    "heat_temp_supply": 71.25,
    "heat_temp_return": -3.5,
}


def profile_of(**traits: object) -> MbusProfile:
    """Return a heat meter with six points."""
    words = ("energy", "volume", "volume_flow", "power", "flow_temperature", "return_temperature")
    return MbusProfile.model_validate(
        {
            "profile": "test/heat",
            "maker": "Test",
            "model": "Heat",
            "kind": "heat_meter",
            "source": [{"document": "none", "version": "1"}],
            "interval": "15min",
            "protocol": "mbus",
            "mbus": traits,
            "points": [{"point": point, "quantity": word} for point, word in zip(VALUES, words, strict=True)],
            "tests": [{"telegram": "E5", "expect": {"heat_energy": 1}}],
        }
    )


@dataclass
class Mouth:
    """Keeps what the meters say."""

    said: list[bytes] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        self.said.append(data)


def meter(
    serial_number: str = "12345678",
    *,
    address: int = 1,
    profile: MbusProfile | None = None,
    values: Mapping[str, float] = VALUES,
) -> SimulatedMbusMeter:
    """Return a simulated meter."""
    return SimulatedMbusMeter(
        profile or profile_of(),
        FixedValues(values),
        clock=LoopClock(),
        vocabulary=VOCABULARY,
        serial_number=serial_number,
        address=address,
    )


@dataclass
class Bus:
    """Meters behind a port; `tamper` changes what they say."""

    meters: Sequence[SimulatedMbusMeter]
    delay_s: float = 0.02
    echo: bool = False
    late_s: dict[int, float] = field(default_factory=dict)
    """Number of a request, from 0 → how much later than usual its answer comes."""
    tamper: dict[int, bytes] = field(default_factory=dict)
    """Number of a request, from 0 → what is heard instead of the answer."""

    def __post_init__(self) -> None:
        self.line = MbusLine(self.meters)
        self.port = FakePort(self.answer)
        self._asked = 0

    def answer(self, request: bytes) -> Answers:
        mouth = Mouth()
        self.line.heard(request, mouth)
        said = self.tamper.get(self._asked, b"".join(mouth.said))
        delay_s = self.delay_s + self.late_s.get(self._asked, 0.0)
        self._asked += 1
        echoed: Answers = [(0.001, request)] if self.echo else []
        return [
            *echoed,
            *(
                [(delay_s, said[:7]), (delay_s + 0.03, said[7:])]
                if len(said) > 7
                else [(delay_s, said)]
                if said
                else []
            ),
        ]

    def link(self, settings: LinkSettings = SERIAL) -> Link:
        return Link(settings, open_stream=self.port.open, clock=LoopClock())


def settings_of(**more: object) -> DeviceSettings:
    """Return the meter in a site file."""
    return DeviceSettings.model_validate({"id": "heat_1", "profile": "test/heat", "link": "mbus_1", **more})
