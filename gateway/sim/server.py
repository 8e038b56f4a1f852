"""Simulated devices on real sockets and terminals; framing and sessions are pymodbus's server, so not our own code."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pymodbus import FramerType
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsResponse, ReadDiscreteInputsResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse
from pymodbus.server import ModbusBaseServer, ModbusSerialServer, ModbusTcpServer, ModbusUdpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.profile import Table
from gateway.core.errors import ConfigError, NoAnswer, Refused
from gateway.sim.manners import Answering
from gateway.sim.terminal import TerminalTransport, terminal

Framing = Literal["tcp", "rtu", "ascii"]

_FRAMERS: Final[Mapping[Framing, FramerType]] = {
    "tcp": FramerType.SOCKET,
    "rtu": FramerType.RTU,
    "ascii": FramerType.ASCII,
}
_TABLES: Final = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
_ILLEGAL_FUNCTION: Final = 1


@dataclass(frozen=True, slots=True)
class Sessions:
    """How a server treats its TCP clients."""

    limit: int | None = None
    """So many at once; None for any number."""
    displaces: bool = False
    """One client too many ends the oldest connection, instead of its own."""
    deaf_s: float = 0.0
    """Requests are lost for so long after a client has connected."""


@asynccontextmanager
async def serve_tcp(
    devices: Sequence[Answering],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    framing: Framing = "tcp",
    sessions: Sessions = Sessions(),
) -> AsyncIterator[str]:
    """Serve the devices on a TCP socket and yield its HOST:PORT.

    Args:
        devices: Each with a unit id of its own; a request for another unit gets no answer at all.
        host: Address to listen on.
        port: 0 for any free one.
        framing: `rtu` for RTU over TCP.
        sessions: How clients are treated.

    Raises:
        ConfigError: the address cannot be had, or two devices have the same unit id.
    """
    server = _TcpServer(_placeholder(), framer=_FRAMERS[framing], address=(host, port))
    server.sessions = sessions
    async with _listening(server, devices, f"{host}:{port}"):
        yield _endpoint(server.transport.sockets[0].getsockname())  # type: ignore[attr-defined] # asyncio.Server


@asynccontextmanager
async def serve_udp(
    devices: Sequence[Answering], *, host: str = "127.0.0.1", port: int = 0, framing: Framing = "tcp"
) -> AsyncIterator[str]:
    """Serve the devices on a UDP socket and yield its HOST:PORT.

    Raises:
        ConfigError: the address cannot be had, or two devices have the same unit id.
    """
    server = _UdpServer(_placeholder(), framer=_FRAMERS[framing], address=(host, port))
    async with _listening(server, devices, f"{host}:{port}"):
        yield _endpoint(server.transport.get_extra_info("sockname"))


@asynccontextmanager
async def serve_pty(devices: Sequence[Answering], path: Path, *, framing: Framing = "rtu") -> AsyncIterator[Path]:
    """Serve the devices on a new pseudo-terminal, and yield the link at `path` that is opened as a serial port.

    Raises:
        ConfigError: the link cannot be made, or two devices have the same unit id.
    """
    server = _SerialServer(_placeholder(), framer=_FRAMERS[framing], port=str(path))
    server.devices = _by_unit(devices)
    with terminal(path) as descriptor:
        transport = TerminalTransport(descriptor, server.callback_new_connection())
        try:
            yield path
        finally:
            transport.close()


class _Session(ServerRequestHandler):
    """One client of a server; it answers at once, so that no task outlives the server."""

    def __init__(self, server: ModbusBaseServer, devices: Mapping[int, Answering], sessions: Sessions) -> None:
        super().__init__(server, None, None, None)  # type: ignore[no-untyped-call]
        self._devices = devices
        self._sessions = sessions
        self._hears_from_s = 0.0

    def callback_connected(self) -> None:
        """Note a new client, and end a connection where there is one too many."""
        super().callback_connected()
        self._hears_from_s = self.loop.time() + self._sessions.deaf_s
        clients = list(self.listener.active_connections.values()) if self.listener is not None else []
        if self._sessions.limit is not None and len(clients) > self._sessions.limit:
            (clients[0] if self._sessions.displaces else self).close()

    def callback_data(self, data: bytes, addr: tuple[Any, ...] | None = None) -> int:
        """Answer every complete request in the bytes and return how many bytes they were."""
        used = 0
        while used < len(data) and (step := super().callback_data(data[used:], addr)):
            used += step
            if self.last_pdu is not None and self.loop.time() >= self._hears_from_s:
                self._answer(self.last_pdu, addr)
        return used

    def handle_later(self) -> None:
        """Do nothing: the request was answered in `callback_data`."""

    def server_send(self, pdu: ModbusPDU, addr: tuple[Any, ...] | None) -> None:
        """Send the answer, unless it would come from a unit that is not here."""
        if pdu.dev_id in self._devices:
            self.pdu_send(pdu, addr=addr)

    def send(self, data: bytes, addr: tuple[Any, ...] | None = None) -> None:
        """Send bytes; a request that came together with the one being answered stays in the buffer."""
        waiting = self.recv_buffer
        super().send(data, addr)
        self.recv_buffer = waiting

    def _answer(self, request: ModbusPDU, addr: tuple[Any, ...] | None) -> None:
        try:
            answer = self._content(request)
        except NoAnswer:
            return
        answer.dev_id = request.dev_id
        answer.transaction_id = request.transaction_id
        self.server_send(answer, addr)

    def _content(self, request: ModbusPDU) -> ModbusPDU:
        device = self._devices.get(request.dev_id)
        table = _TABLES.get(request.function_code)
        if device is None or table is None:
            return ExceptionResponse(request.function_code, _ILLEGAL_FUNCTION)
        try:
            return _response(table, device.read(table, request.address, request.count))
        except Refused as refusal:
            return ExceptionResponse(request.function_code, refusal.code)


class _Served:
    """Gives a server of the library our sessions."""

    devices: Mapping[int, Answering] = {}
    sessions = Sessions()

    def callback_new_connection(self) -> _Session:
        """Return the session of a new client."""
        return _Session(self, self.devices, self.sessions)  # type: ignore[arg-type] # mixed into servers only


class _TcpServer(_Served, ModbusTcpServer):
    pass


class _UdpServer(_Served, ModbusUdpServer):
    pass


class _SerialServer(_Served, ModbusSerialServer):
    pass


@asynccontextmanager
async def _listening(server: _TcpServer | _UdpServer, devices: Sequence[Answering], where: str) -> AsyncIterator[None]:
    server.devices = _by_unit(devices)
    if not await server.listen():
        raise ConfigError(f"{where}: cannot listen there; is the address this machine's, and the port free?")
    try:
        yield
    finally:
        server.close()


def _by_unit(devices: Sequence[Answering]) -> Mapping[int, Answering]:
    by_unit: dict[int, Answering] = {}
    for device in devices:
        other = by_unit.setdefault(device.unit_id, device)
        if other is not device:
            raise ConfigError(f"{other.name} and {device.name} both have unit id {device.unit_id}")
    return by_unit


def _placeholder() -> SimDevice:
    """Return the data store that the library demands; our sessions never ask it."""
    return SimDevice(0, simdata=[SimData(0, values=0, datatype=DataType.REGISTERS)])


def _response(table: Table, registers: Sequence[int]) -> ModbusPDU:
    if table is Table.COIL:
        return ReadCoilsResponse(bits=[bool(bit) for bit in registers])
    if table is Table.DISCRETE:
        return ReadDiscreteInputsResponse(bits=[bool(bit) for bit in registers])
    if table is Table.HOLDING:
        return ReadHoldingRegistersResponse(registers=registers)
    return ReadInputRegistersResponse(registers=registers)


def _endpoint(name: tuple[Any, ...]) -> str:
    host, port = name[0], name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
