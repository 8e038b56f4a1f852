"""Every bundled profile as a device: its registers against its own document, and served to an independent client."""

import pytest
from pymodbus.client import AsyncModbusTcpClient

from drivers.catalog import Catalog, with_registers
from drivers.profile import ModbusProfile, ProfileTest, Table
from gateway.core.quantity import load_vocabulary
from gateway.sim.conditions import holds
from gateway.sim.device import SimulatedDevice, keys_of
from gateway.sim.encode import decode
from gateway.sim.image import Layout, lay_out
from gateway.sim.life import Life
from gateway.sim.plan import plan_for
from gateway.sim.server import serve_tcp
from gateway.sim.sunspec import END_MODEL, MARKER
from gateway.sim.truth import Served, points_served
from gateway.sim.words import from_words, slot_of
from tests.fakes import FakeClock
from tests.sim.workbench import code_of_refusal

CATALOG = Catalog(load_vocabulary())
PROFILES = [file.id for file in CATALOG if file.profile.protocol in ("modbus", "sunspec")]
CASES = [
    pytest.param(file.id, test, id=f"{file.id}-{number}")
    for file in CATALOG
    if isinstance(file.profile, ModbusProfile)
    for number, test in enumerate(file.profile.tests)
]


def layout_of(profile_id: str) -> Layout:
    return lay_out(with_registers(CATALOG.find(profile_id)), load_vocabulary(), name=profile_id)


def living(profile_id: str) -> SimulatedDevice:
    layout = layout_of(profile_id)
    plan = plan_for(with_registers(CATALOG.find(profile_id)).kind, 1)
    sources = {
        instance: Life([placed.name for placed in points], load_vocabulary(), plan=plan, seed=instance)
        for instance, points in layout.points.items()
    }
    return SimulatedDevice(profile_id, layout.image, sources=sources, unit_id=1, clock=FakeClock())


def registers_of(profile: ModbusProfile, test: ProfileTest) -> dict[tuple[Table, int], int]:
    """Return the registers that a test of the profile gives."""
    own = {profile.modbus.table or Table.HOLDING: test.registers}
    return {
        (table, start + index): word
        for blocks in (test.tables, own)
        for table, block in blocks.items()
        for start, words in block.items()
        for index, word in enumerate(words)
    }


@pytest.mark.parametrize(("profile_id", "test"), CASES)
def test_the_inverse_agrees_with_the_document(profile_id: str, test: ProfileTest) -> None:
    """The simulator's own inverse reads from a document's registers what the document says."""
    profile = with_registers(CATALOG.find(profile_id))
    assert isinstance(profile, ModbusProfile)
    held = registers_of(profile, test)
    variant = variant_of(profile, held)
    points = lay_out(profile, load_vocabulary(), variant=variant, settings=test.settings).points[test.instance or 1]
    said = {}
    for placed in points:
        if placed.name in test.expect:
            slots = {slot: tuple(held[key] for key in keys_of(slot)) for slot in placed.touched}
            said[placed.name] = decode(placed, slots)
    assert said == {
        name: value if value is None else pytest.approx(value, rel=1e-9) for name, value in test.expect.items()
    }


def variant_of(profile: ModbusProfile, held: dict[tuple[Table, int], int]) -> str | None:
    """Return the name of the variant that the registers select, None for the ordinary device."""
    for variant in profile.variants:
        slot = slot_of(variant.when, table=profile.modbus.table, word_order=profile.modbus.word_order)
        if all(key in held for key in keys_of(slot)):
            words = tuple(held[key] for key in keys_of(slot))
            if holds(variant.when, from_words(slot, words)):
                return variant.name
    return None


async def registers_from(client: AsyncModbusTcpClient, table: Table, address: int, count: int) -> tuple[int, ...]:
    """Return what the server says of the table: a register as it is, a bit as 0 or 1."""
    if table is Table.HOLDING:
        return tuple((await client.read_holding_registers(address, count=count, device_id=1)).registers)
    if table is Table.INPUT:
        return tuple((await client.read_input_registers(address, count=count, device_id=1)).registers)
    read = client.read_coils if table is Table.COIL else client.read_discrete_inputs
    return tuple(int(bit) for bit in (await read(address, count=count, device_id=1)).bits[:count])


def spans(layout: Layout) -> list[tuple[Table, int, int]]:
    """Return the place of each value that is read on its own, and of each whole block that is not."""
    found: dict[tuple[Table, int, int], None] = {}
    for points in layout.points.values():
        for placed in points:
            slots = placed.touched
            first, end = min(slot.address for slot in slots), max(slot.end for slot in slots)
            for slot in (slots[0],) if placed.exponent else slots:
                address, count = (first, end - first) if placed.exponent else (slot.address, slot.words)
                found[slot.table, address, count] = None
    return list(found)


@pytest.mark.parametrize("profile_id", PROFILES)
async def test_an_independent_client_reads_every_value(profile_id: str) -> None:
    """Over a real socket every value of a profile has the registers of its device, and each of them says something."""
    device, layout, served = living(profile_id), layout_of(profile_id), []
    async with serve_tcp([device]) as where:
        host, port = where.split(":")
        client = AsyncModbusTcpClient(host, port=int(port), timeout=10, retries=0)
        assert await client.connect()
        for table, address, count in spans(layout):
            registers = await registers_from(client, table, address, count)
            assert registers == tuple(device.read(table, address, count))
            served.append(Served(0, profile_id, table, address, registers))
        client.close()
    for points in layout.points.values():
        said = {
            name: value for _, each in points_served(served, points, device=profile_id) for name, value in each.items()
        }
        assert said.keys() == {placed.name for placed in points}
        assert None not in said.values()


@pytest.mark.parametrize("profile_id", PROFILES)
def test_what_the_profile_does_not_have_is_refused(profile_id: str) -> None:
    """Every address of every table beside those of the profile is exception 2."""
    device, layout = living(profile_id), layout_of(profile_id)
    known = set(layout.image.fixed) | {(table, address) for table, address, _ in layout.image.alone}
    for points in layout.points.values():
        known |= {key for placed in points for slot in placed.touched for key in keys_of(slot)}
    beside = {(table, near) for table, address in known for near in (address - 1, address + 1) if near >= 0} - known
    elsewhere = {(table, address) for table in Table for _, address in known} - known
    assert beside
    assert {code_of_refusal(device, table, address, 1) for table, address in beside | elsewhere} == {2}


@pytest.mark.parametrize("profile_id", PROFILES)
def test_a_simulated_device_is_recognised(profile_id: str) -> None:
    """A simulated device has the fingerprint of its profile, or the SunSpec marker."""
    profile, device = with_registers(CATALOG.find(profile_id)), living(profile_id)
    if not isinstance(profile, ModbusProfile):
        assert device.read(Table.HOLDING, profile.sunspec.bases[0], 2) == MARKER
        return
    for condition in profile.fingerprint:
        slot = slot_of(condition, table=profile.modbus.table, word_order=profile.modbus.word_order)
        assert holds(condition, from_words(slot, tuple(device.read(slot.table, slot.address, slot.words))))


def test_a_sunspec_device_is_a_chain_of_models() -> None:
    """Behind the marker each model says its number and length, the first who the device is, and 0xFFFF is the end."""
    device, address, models = living("sunspec/inverter"), 40002, []
    while (head := tuple(device.read(Table.HOLDING, address, 2)))[0] != END_MODEL:
        models.append(head)
        address += 2 + head[1]
    assert models == [(1, 66), (103, 50)]
    assert head == (END_MODEL, 0)
    words = device.read(Table.HOLDING, 40004, 32)
    texts = b"".join(word.to_bytes(2, "big") for word in words)
    assert texts[:32].rstrip(b"\0") == b"SunSpec"
    assert texts[32:].rstrip(b"\0").startswith(b"Inverter models")
