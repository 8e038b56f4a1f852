"""Promise read-only: no byte that leaves for a device asks it to change anything."""

import ast
import inspect
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerAscii, FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.register_message import WriteSingleRegisterRequest

from drivers.catalog import BUNDLED, Catalog, with_registers
from drivers.factory import LearntHoles, Metering, create_driver, open_link, points_of
from drivers.modbus.ascii import AsciiFraming
from drivers.modbus.framing import Framing
from drivers.modbus.pdu import FUNCTIONS, IdentificationRequest, ReadRequest, Request
from drivers.modbus.rtu import RtuFraming
from drivers.modbus.tcp import TcpFraming
from drivers.profile import LAST_ADDRESS, ModbusProfile, SunspecProfile, Table
from gateway.app.clock import SystemClock
from gateway.core.errors import KvarterError, NoAnswer, Refused
from gateway.core.quantity import load_vocabulary
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.sim.image import lay_out
from gateway.sim.manners import Answering
from gateway.sim.server import serve_tcp
from gateway.sim.values import FixedValues
from tests.sim.workbench import device_of

ROOT = Path(__file__).parents[1]
CODE = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("drivers", "gateway")
    for path in (ROOT / folder).rglob("*.py")
}
DRIVERS = {name: tree for name, tree in CODE.items() if name.startswith("drivers/")}
READS = {1, 2, 3, 4, 43}
"""Source: Modbus Application Protocol V1.1b3, section 5.1; 43 reads the identification and is told by its type 14."""
FRAMINGS: list[tuple[type[Framing], type[FramerBase]]] = [
    (TcpFraming, FramerSocket),
    (RtuFraming, FramerRTU),
    (AsciiFraming, FramerAscii),
]
PROFILES = [
    file.id
    for file in Catalog(load_vocabulary())
    if file.path.is_relative_to(BUNDLED) and file.profile.protocol in ("modbus", "sunspec")
]


def calls(name: str, *names: str, trees: dict[str, ast.Module]) -> Iterator[tuple[str, ast.Call]]:
    """Yield file:function of each call of these names, or of methods of these names."""
    for file, tree in trees.items():
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {name, *names}:
                    yield f"{file}:{function.name}", node


def understood(framer: type[FramerBase], frame: bytes) -> ModbusPDU | None:
    """Return what a server of another implementation makes of a frame."""
    decoder = DecodePDU(is_server=True)
    _, _, _, content = framer(decoder).decode(frame)
    return decoder.decode(content)


def is_read(pdu: ModbusPDU | None) -> bool:
    """Whether a server would only read."""
    return pdu is not None and pdu.function_code in READS and getattr(pdu, "sub_function_code", 14) in {14, -1}


def test_bytes_reach_a_port_through_one_door() -> None:
    """What writes to a port is its own stream, called by the link alone, with a turn that the bus alone makes."""
    writers = Counter(place for place, _ in calls("write", "send", "sendto", "sendall", "writelines", trees=DRIVERS))
    for generator in ("drivers/sunspec/driver.py:_discover", "drivers/scan/sunspec.py:_chain"):
        del writers[generator]  # resumes one
    assert writers == {
        "drivers/link.py:_write": 1,
        "drivers/link_serial.py:write": 1,
        "drivers/link_socket.py:write": 2,
        # Its only words are the requests of drivers/mbus/frame.py: to reset, to select, to read.
        "drivers/mbus/conversation.py:ask": 1,
        # Dialogues whose only words are in drivers/iec62056/signon.py: sign-on and the acknowledgement of a readout.
        "drivers/iec62056/source.py:_wake_up": 1,
        "drivers/iec62056/source.py:_dialogue": 1,
        "drivers/iec62056/source.py:_acknowledge": 1,
    }
    assert {place for place, _ in calls("_write", trees=DRIVERS)} == {"drivers/link.py:_ask"}
    asks = {"drivers/modbus/bus.py:_ask", "drivers/kmp/source.py:_ask"}
    assert {place for place, _ in calls("exchange", trees=DRIVERS)} == asks
    turns = dict(calls("Turn", trees=DRIVERS))
    assert set(turns) == asks
    made = {keyword.arg: ast.unparse(keyword.value) for keyword in turns["drivers/modbus/bus.py:_ask"].keywords}
    assert made["request"] == "framing.request(peer.unit, request)"


def test_requests_are_made_in_one_file_and_only_read() -> None:
    """There are two kinds of request, nobody else says what stands in them, and their functions are those that read."""
    assert set(get_args(Request)) == {ReadRequest, IdentificationRequest}
    assert "pdu" not in inspect.signature(ReadRequest).parameters
    assert not inspect.signature(IdentificationRequest).parameters
    setters = {
        file
        for file, tree in DRIVERS.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "pdu" and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.Call) and ast.unparse(node.func) == "object.__setattr__")
    }
    assert setters == {"drivers/modbus/pdu.py"}
    assert set(FUNCTIONS.values()) | {IdentificationRequest().function} == READS


@pytest.mark.parametrize(("framing", "framer"), FRAMINGS)
@given(
    table=st.sampled_from(Table),
    address=st.integers(0, LAST_ADDRESS),
    count=st.integers(1, 125),
    unit=st.integers(0, 247),
)
def test_every_frame_is_a_read_to_another_implementation(
    framing: type[Framing], framer: type[FramerBase], *, table: Table, address: int, count: int, unit: int
) -> None:
    """Whatever is asked for, in any framing, a server of another make understands a request that reads."""
    requests: list[Request] = [ReadRequest(table, address, min(count, LAST_ADDRESS + 1 - address))]
    requests.append(IdentificationRequest())
    packed = framing()
    for request in requests:
        assert is_read(understood(framer, packed.request(unit, request)))


def test_a_write_would_be_noticed() -> None:
    """What the tests here call a read is not a request that writes."""
    write = FramerRTU(DecodePDU(is_server=False)).buildFrame(WriteSingleRegisterRequest(address=1, registers=[2]))
    assert not is_read(understood(FramerRTU, write))


class Moody:
    """A device that answers, refuses and is silent in turn."""

    def __init__(self, device: Answering) -> None:
        self.name = device.name
        self.unit_id = device.unit_id
        self._device = device
        self._asked = 0

    def read(self, table: Table, address: int, count: int) -> Sequence[int]:
        self._asked += 1
        if self._asked % 4 == 1:
            raise Refused("refused", code=2)
        if self._asked % 4 == 2:
            raise NoAnswer("silent")
        return self._device.read(table, address, count)


@pytest.mark.parametrize(("framing", "framer"), [("tcp", FramerSocket), ("rtu", FramerRTU)])
@pytest.mark.parametrize("profile_id", PROFILES)
async def test_every_byte_that_leaves_is_a_read(profile_id: str, framing: str, framer: type[FramerBase]) -> None:
    """The last hop: what leaves the link for a moody device of any bundled profile, probes included, only reads."""
    profile = quick(with_registers(Catalog(load_vocabulary()).find(profile_id)))
    layout, clock, sent = lay_out(profile, load_vocabulary()), SystemClock(trusted=True), list[bytes]()
    device = Moody(device_of(layout, FixedValues({})))

    def record(direction: str, content: bytes, _: str) -> None:
        if direction == "out":
            sent.append(content)

    async with serve_tcp([device], framing="rtu" if framing == "rtu" else "tcp") as where:
        settings = LinkSettings.model_validate({"id": "line", "tcp": where, "framing": framing})
        link = open_link(settings, clock=clock, trace=record)
        asked = DeviceSettings.model_validate({"id": "d", "profile": profile_id, "link": "line", "unit_id": 1})
        driver = create_driver(asked, profile, link, metering=Metering(clock, load_vocabulary()), holes=LearntHoles())
        for number in range(4):
            with suppress(KvarterError):
                await (driver.read(points_of(profile, asked)) if number else driver.identify())
        await link.close()
    assert len(sent) > 4
    assert all(is_read(understood(framer, frame)) for frame in sent)


def quick(profile: ModbusProfile | SunspecProfile) -> ModbusProfile | SunspecProfile:
    """Return the profile with a device that is not waited for."""
    if isinstance(profile, SunspecProfile):
        return profile.model_copy(update={"sunspec": profile.sunspec.model_copy(update={"timeout": 0.02})})
    traits = profile.modbus.model_copy(update={"timeout": 0.02, "pause": 0.0, "pause_after_connect": 0.0})
    return profile.model_copy(update={"modbus": traits})
