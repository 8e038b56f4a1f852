"""Devices that are sound and still awkward, and servers that are particular about their clients."""

import asyncio

import pytest

from drivers.profile import Table
from gateway.core.errors import NoAnswer
from gateway.sim.manners import Awkward, Manners, spans_of
from gateway.sim.server import Sessions, serve_tcp
from gateway.sim.values import FixedValues
from tests.fakes import settle
from tests.sim.workbench import code_of_refusal, device_of, every_type

REQUEST = bytes.fromhex("0001 0000 0006 01 03 0066 0002")
REPLY = bytes.fromhex("0001 0000 0007 01 03 04 4366 199A")
OUTSIDE = bytes.fromhex("0002 0000 0006 01 03 0001 0002")


def awkward(manners: Manners) -> Awkward:
    return Awkward(device_of(every_type(), FixedValues({"elec_voltage_l2": 230.1})), manners)


def test_busy_devices_answer_later() -> None:
    """A busy device refuses a number of requests with its code, and then answers."""
    device = awkward(Manners(busy=2, busy_code=11))
    assert [code_of_refusal(device, Table.HOLDING, 102, 2) for _ in range(3)] == [11, 11, None]


def test_torn_values_are_refused() -> None:
    """A device can refuse a request that begins or ends within a value, and answers all others."""
    device = awkward(Manners(whole_values=spans_of(every_type().points[1])))
    answers = {
        (address, count): code_of_refusal(device, Table.HOLDING, address, count)
        for address, count in ((102, 2), (100, 4), (103, 1), (102, 1), (101, 2), (100, 3), (103, 3))
    }
    assert [request for request, code in answers.items() if code is None] == [(102, 2), (100, 4)]
    assert set(answers.values()) == {None, 2}


def test_holes_can_be_silent() -> None:
    """A device can stay silent where it has no register, and still refuses what is too long."""
    device = awkward(Manners(silent_outside=True))
    with pytest.raises(NoAnswer):
        device.read(Table.HOLDING, 99, 1)
    assert code_of_refusal(device, Table.HOLDING, 100, 21) == 3


async def test_a_silent_hole_gets_no_bytes() -> None:
    """Over a socket the next request after a silent hole gets the first bytes."""
    async with asyncio.timeout(10), serve_tcp([awkward(Manners(silent_outside=True))]) as where:
        host, port = where.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(OUTSIDE)
        writer.write(REQUEST)
        assert await reader.readexactly(13) == REPLY
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("displaces", [True, False])
async def test_one_client_at_a_time(displaces: bool) -> None:  # noqa: FBT001 - a parameter
    """A server of one client ends the older connection, or the newer one, and serves the other."""
    sessions = Sessions(limit=1, displaces=displaces)
    async with asyncio.timeout(10), serve_tcp([awkward(Manners())], sessions=sessions) as where:
        host, port = where.split(":")
        clients = []
        for _ in range(2):
            clients.append(await asyncio.open_connection(host, int(port)))
            await asyncio.sleep(0)
        ended, served = clients if displaces else reversed(clients)
        assert await ended[0].read() == b""
        served[1].write(REQUEST)
        assert await served[0].readexactly(13) == REPLY
        for _, writer in clients:
            writer.close()
            await writer.wait_closed()


async def test_deaf_after_a_connection() -> None:
    """Requests in the first moments of a connection are lost; not a byte comes until the server ends."""
    async with asyncio.timeout(10):
        async with serve_tcp([awkward(Manners())], sessions=Sessions(deaf_s=3600)) as where:
            host, port = where.split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(REQUEST)
            await settle()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
