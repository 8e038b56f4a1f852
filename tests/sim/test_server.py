"""Simulated devices on real sockets and terminals, asked by pymodbus' own client."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient, AsyncModbusUdpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ModbusIOException

from drivers.profile import Table
from gateway.core.errors import ConfigError
from gateway.sim.device import SimulatedDevice
from gateway.sim.server import Framing, serve_pty, serve_tcp, serve_udp
from gateway.sim.values import FixedValues
from tests.sim.workbench import device_of, every_type

FRAMERS = {"tcp": FramerType.SOCKET, "rtu": FramerType.RTU, "ascii": FramerType.ASCII}
VOLTS = FixedValues({"elec_voltage_l2": 230.1, "dev_link_up": 1})


def devices() -> list[SimulatedDevice]:
    return [device_of(every_type(), VOLTS, unit_id=unit) for unit in (1, 7)]


@asynccontextmanager
async def connected(client: ModbusBaseClient) -> AsyncIterator[ModbusBaseClient]:
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()
        await asyncio.sleep(0)


def tcp(where: str, framing: Framing = "tcp", timeout_s: float = 3.0) -> ModbusBaseClient:
    host, port = where.split(":")
    return AsyncModbusTcpClient(host, port=int(port), framer=FRAMERS[framing], timeout=timeout_s, retries=0)


async def ask(client: ModbusBaseClient, unit: int = 1) -> None:
    reply = await client.read_holding_registers(102, count=2, device_id=unit)
    assert reply.registers == [0x4366, 0x199A]


@pytest.mark.parametrize("framing", ["tcp", "rtu", "ascii"])
async def test_tcp(framing: Framing) -> None:
    """Every framing over TCP serves every unit of the server, on a port that was free."""
    async with serve_tcp(devices(), framing=framing) as where, connected(tcp(where, framing)) as client:
        await ask(client)
        await ask(client, unit=7)


async def test_udp() -> None:
    """Over UDP the same devices answer."""
    async with serve_udp(devices()) as where:
        host, port = where.split(":")
        async with connected(AsyncModbusUdpClient(host, port=int(port), timeout=3, retries=0)) as client:
            await ask(client, unit=7)


async def test_terminal(tmp_path: Path) -> None:
    """A pseudo-terminal is opened as a serial port, by one client after the other, and is gone afterwards."""
    async with serve_pty(devices(), tmp_path / "port") as path:
        for _ in range(2):
            client = AsyncModbusSerialClient(str(path), framer=FramerType.RTU, baudrate=9600, timeout=3, retries=0)
            async with connected(client):
                await ask(client)
                await ask(client, unit=7)
    assert not path.is_symlink()


async def test_bits() -> None:
    """Coils and discrete inputs are served as bits."""
    async with serve_tcp(devices()) as where, connected(tcp(where)) as client:
        assert (await client.read_coils(5, count=1, device_id=1)).bits[0] is True
        assert (await client.read_discrete_inputs(6, count=1, device_id=1)).bits[0] is False


async def test_addresses_and_tables_that_are_not_there() -> None:
    """What the profile does not have is exception 2, and any other function than reading is exception 1."""
    async with serve_tcp(devices()) as where, connected(tcp(where)) as client:
        assert (await client.read_holding_registers(99, count=1, device_id=1)).exception_code == 2
        assert (await client.read_input_registers(102, count=2, device_id=1)).exception_code == 2
        assert (await client.read_holding_registers(100, count=21, device_id=1)).exception_code == 3
        assert (await client.write_register(102, 1, device_id=1)).exception_code == 1
        assert (await client.read_device_information(device_id=1)).exception_code == 1
        await ask(client)


async def test_units_that_are_not_there_stay_silent(tmp_path: Path) -> None:
    """A request for another unit gets not a byte, and the next request is answered."""
    for framing in ("tcp", "rtu"):
        async with serve_tcp(devices(), framing=framing) as where, connected(tcp(where, framing, 0.05)) as client:
            for request in (client.read_holding_registers, client.read_coils):
                with pytest.raises(ModbusIOException, match="No response"):
                    await request(102, count=1, device_id=9)
            with pytest.raises(ModbusIOException, match="No response"):
                await client.write_register(102, 1, device_id=9)
    async with serve_pty(devices(), tmp_path / "port") as path:
        silent = AsyncModbusSerialClient(str(path), framer=FramerType.RTU, timeout=0.05, retries=0)
        async with connected(silent) as client:
            with pytest.raises(ModbusIOException, match="No response"):
                await client.read_holding_registers(102, count=1, device_id=9)


async def test_requests_in_one_segment_are_all_answered() -> None:
    """Two requests and a half in one segment get two answers, and the third when it is complete."""
    request = bytes.fromhex("0001 0000 0006 01 03 0066 0002")
    async with serve_tcp(devices()) as where:
        host, port = where.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(5):
            writer.write(request * 2 + request[:5])
            answer = await reader.readexactly(2 * 13)
            writer.write(request[5:])
            answer += await reader.readexactly(13)
        assert answer == bytes.fromhex("0001 0000 0007 01 03 04 4366 199A") * 3
        writer.close()
        await writer.wait_closed()


async def test_bytes_that_are_no_request_do_no_harm() -> None:
    """A client that sends something else does not disturb the others."""
    async with serve_tcp(devices()) as where, connected(tcp(where)) as client:
        host, port = where.split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\n\r\n" + bytes(600))
        await writer.drain()
        await ask(client)
        writer.close()
        await writer.wait_closed()


async def test_the_log_has_what_was_served() -> None:
    """Each answer is noted with its time, device and registers; a refusal is not."""
    noted: list[tuple[int, str, Table, int, tuple[int, ...]]] = []

    class Notes:
        def record(self, *, time_ms: int, device: str, table: Table, address: int, registers: Sequence[int]) -> None:
            noted.append((time_ms, device, table, address, tuple(registers)))

    async with serve_tcp([device_of(every_type(), VOLTS, log=Notes())]) as where, connected(tcp(where)) as client:
        await ask(client)
        await client.read_holding_registers(99, count=1, device_id=1)
    assert noted == [(1_795_320_000_000, "device_1", Table.HOLDING, 102, (0x4366, 0x199A))]


async def test_nothing_is_left_behind() -> None:
    """When a server has stopped, its port is free, its clients are disconnected and no task of it runs."""
    before = asyncio.all_tasks()
    async with serve_tcp(devices()) as where:
        host, port = where.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(bytes.fromhex("0001 0000 0006 01 03 0066 0002"))
        await reader.readexactly(13)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    async with serve_tcp(devices(), port=int(port)) as again:
        assert again == where
    assert asyncio.all_tasks() == before


async def test_a_port_that_is_taken_is_said() -> None:
    """A port that another program has is a configuration error with the address."""
    async with serve_tcp(devices()) as where:
        host, port = where.split(":")
        with pytest.raises(ConfigError, match=f"{where}: cannot listen there"):
            async with serve_tcp(devices(), host=host, port=int(port)):
                raise AssertionError


async def test_a_file_is_never_replaced_by_a_port(tmp_path: Path) -> None:
    """Something that stands where the port should be is left alone; an old link is replaced."""
    path = tmp_path / "port"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="exists and is no link to a pseudo-terminal"):
        async with serve_pty(devices(), path):
            raise AssertionError
    assert path.read_text() == "mine"
    path.unlink()
    path.symlink_to("/dev/nowhere")
    async with serve_pty(devices(), path):
        assert path.exists()


async def test_two_devices_of_one_unit_are_refused() -> None:
    """Two devices cannot share a unit id on one link."""
    twins = [device_of(every_type(), VOLTS, unit_id=3) for _ in range(2)]
    with pytest.raises(ConfigError, match="both have unit id 3"):
        async with serve_tcp(twins):
            raise AssertionError
