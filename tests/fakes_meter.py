"""Devices for driver tests: a profile as a mapping, fake registers behind it, one read through the whole driver."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drivers.factory import FieldDriver, Metering, create_driver, open_link
from drivers.link import Link
from drivers.modbus.holes import LearntHoles
from drivers.profile import ModbusProfile, SunspecProfile
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Value
from gateway.core.site import DeviceSettings, LinkSettings
from tests.fakes_stream import Answers, FakeMeter, FakePort, LoopClock, held, rtu_device, tcp_device, words_of

VOCABULARY = load_vocabulary()
TCP = LinkSettings(id="cabinet", tcp="192.0.2.1:502")
RTU = LinkSettings(id="rs485_1", serial="/dev/fake", baudrate=9600, parity="none", stop_bits=1)

VOLTAGE = {"point": "elec_voltage_l1", "address": 0, "type": "float32", "unit": "V"}
CURRENT = {"point": "elec_current_l1", "address": 6, "type": "float32", "unit": "A"}
POWER = {"point": "elec_power_active", "address": 52, "type": "float32", "unit": "kW"}
IMPORT = {"point": "elec_energy_import", "address": 200, "type": "uint32", "unit": "Wh"}
EXPORT = {"point": "elec_energy_export", "address": 202, "type": "uint32", "unit": "Wh"}
REGISTERS = held({0: words_of("f", 230.1), 6: words_of("f", 5.0), 52: words_of("f", 1.15), 200: [0, 1000, 0, 20]})
FAR = {"point": "elec_frequency", "address": 3000, "type": "uint16", "unit": "Hz", "scale": 0.01}


def meter(registers: Mapping[int, int] = REGISTERS, *, most: int = 125) -> FakeMeter:
    """Return a meter with these holding registers."""
    return FakeMeter({3: dict(registers)}, most)


def everywhere(registers: Mapping[int, int] = REGISTERS, size: int = 300) -> dict[int, int]:
    """Return the registers, with 0 in all others."""
    return dict.fromkeys(range(size), 0) | dict(registers)


Answer = Callable[[bytes], Answers]


def head(protocol: str, points: Sequence[Mapping[str, Any]], **more: object) -> dict[str, object]:
    """Return what every profile has."""
    return {
        "profile": "test/meter",
        "maker": "Test",
        "model": "Meter",
        "kind": "electricity_meter",
        "source": [{"document": "none", "version": "0"}],
        "protocol": protocol,
        "interval": "10s",
        "points": [dict(point) for point in points],
        "tests": [{"expect": {points[0]["point"]: None}}],
        **more,
    }


def modbus(
    points: Sequence[Mapping[str, Any]], *, traits: Mapping[str, object] | None = None, **more: object
) -> ModbusProfile:
    """Return a Modbus profile; holding registers and big-endian words unless told otherwise."""
    manner = {"table": "holding", "word_order": "big", **(traits or {})}
    return ModbusProfile.model_validate(head("modbus", points, modbus=manner, **more))


def sunspec(points: Sequence[Mapping[str, Any]], **more: object) -> SunspecProfile:
    """Return a SunSpec profile."""
    return SunspecProfile.model_validate(head("sunspec", points, **more))


def device(**settings: object) -> DeviceSettings:
    """Return a device of that profile."""
    return DeviceSettings.model_validate({"id": "meter", "profile": "test/meter", "link": "link", **settings})


@dataclass
class Bench:
    """A driver with everything behind it."""

    driver: FieldDriver
    link: Link
    port: FakePort
    holes: LearntHoles

    async def values(self, *points: str) -> tuple[Value, ...]:
        """Return the values of one read."""
        return (await self.driver.read(points)).values

    async def read(self, *points: str) -> Readout:
        """Return one readout."""
        return await self.driver.read(points)

    async def later(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)


def bench(
    profile: ModbusProfile | SunspecProfile,
    answer: Answer | FakeMeter,
    *,
    link: LinkSettings = TCP,
    settings: DeviceSettings | None = None,
    holes: LearntHoles | None = None,
) -> Bench:
    """Return a driver on a fake link; a meter instead of answers is unit 1, and always answers."""
    if isinstance(answer, FakeMeter):
        answer = (rtu_device if link.modbus_framing == "rtu" else tcp_device)({1: answer})
    port, clock, known = FakePort(answer), LoopClock(), holes or LearntHoles()
    opened = open_link(link, clock=clock, open_stream=port.open)
    driver = create_driver(settings or device(), profile, opened, metering=Metering(clock, VOCABULARY), holes=known)
    return Bench(driver, opened, port, known)
