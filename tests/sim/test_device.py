"""What a simulated device answers, and what it refuses."""

from collections.abc import Iterable, Mapping

import pytest

from drivers.profile import Table
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary
from gateway.sim.device import SimulatedDevice
from gateway.sim.encode import Value, decode
from gateway.sim.image import lay_out
from gateway.sim.values import FixedValues
from tests.fakes import FakeClock
from tests.sim.workbench import code_of_refusal, device_of, every_type, points_by_name, workbench


@pytest.fixture
def device() -> SimulatedDevice:
    return device_of(every_type(), FixedValues({"elec_voltage_l2": 230.1, "indoor_co2": 640}))


def test_values_lie_where_the_profile_says(device: SimulatedDevice) -> None:
    """A request gets the registers of the values in it."""
    assert device.read(Table.HOLDING, 102, 2) == (0x4366, 0x199A)


@pytest.mark.parametrize(
    ("table", "address", "count", "code"),
    [
        (Table.HOLDING, 99, 1, 2),
        (Table.HOLDING, 104, 5, 2),
        (Table.HOLDING, 100, 8, None),
        (Table.HOLDING, 180, 11, None),
        (Table.HOLDING, 185, 1, None),
        (Table.HOLDING, 191, 1, 2),
        (Table.INPUT, 102, 2, 2),
        (Table.INPUT, 232, 2, None),
        (Table.COIL, 5, 1, None),
        (Table.COIL, 5, 2, 2),
        (Table.DISCRETE, 6, 1, None),
        (Table.HOLDING, 100, 21, 3),
        (Table.HOLDING, 100, 0, 3),
        (Table.HOLDING, 240, 1, None),
        (Table.HOLDING, 239, 2, 2),
        (Table.HOLDING, 900, 2, None),
    ],
)
def test_requests_and_refusals(
    device: SimulatedDevice, table: Table, address: int, count: int, code: int | None
) -> None:
    """Addresses outside the profile are exception 2, requests of too many registers exception 3."""
    assert code_of_refusal(device, table, address, count) == code


def test_a_fingerprint_that_is_part_of_a_value_answers_alone(device: SimulatedDevice) -> None:
    """A register whose meaning depends on the length of the request has both meanings."""
    assert device.read(Table.HOLDING, 101, 1) == (77,)
    assert device.read(Table.HOLDING, 100, 2) == (0, 0)


def test_identity_and_fingerprint_are_there(device: SimulatedDevice) -> None:
    """The device says its model, a serial number, and what its fingerprint asks for."""
    assert device.read(Table.HOLDING, 910, 5) == (0x4576, 0x6572, 0x7920, 0x7479, 0x7065)
    assert device.read(Table.HOLDING, 920, 1) == (341,)
    assert device.read(Table.HOLDING, 900, 2) != (0, 0)


def test_a_point_without_a_value_says_so_or_zero(device: SimulatedDevice) -> None:
    """A point that nobody gave a value is the code for 'no value' where there is one, else 0."""
    assert device.read(Table.HOLDING, 110, 2) == (0xFFFF, 0x8000)
    assert device.read(Table.HOLDING, 160, 4) == (0, 0, 0, 0)
    assert device.read(Table.HOLDING, 250, 2) == (0, 0)


def test_one_request_is_one_instant() -> None:
    """All values in an answer are of the same instant, which is asked for once."""
    clock, instants = FakeClock(utc_ms=5000), list[int]()

    class Watched(FixedValues):
        def values(self, points: Iterable[str], *, utc_ms: int) -> Mapping[str, Value]:
            instants.append(utc_ms)
            return super().values(points, utc_ms=utc_ms)

    device_of(every_type(), Watched({}), clock=clock).read(Table.HOLDING, 100, 8)
    assert instants == [5000]


def variant(name: str | None) -> SimulatedDevice:
    layout = lay_out(workbench("variants"), load_vocabulary(), variant=name)
    return device_of(layout, FixedValues({"hp_elec_power": 1500, "hp_temp_dhw": 48.5}))


@pytest.mark.parametrize(
    ("name", "model", "firmware", "power", "water"),
    [
        (None, 145, 0, (0, 1500), (30, 485)),
        ("revised", 174, 0, (1500, 0), (40, 4850)),
        ("early", 145, 7, (0, 1500), (30, 485)),
    ],
)
def test_variants(name: str | None, model: int, firmware: int, power: tuple[int, int], water: tuple[int, int]) -> None:
    """A device of a variant has the registers that select it, and only the fingerprint of its model otherwise."""
    device = variant(name)
    (said,) = device.read(Table.INPUT, 10, 1)
    assert 100 <= said <= 199
    assert (said >= 150) is (model >= 150)
    assert (device.read(Table.INPUT, 11, 1) == (7,)) is (firmware == 7)
    assert device.read(Table.INPUT, 20, 2) == power
    assert device.read(Table.INPUT, water[0], 1) == (water[1],)


def test_a_variant_lacks_what_it_lacks() -> None:
    """A point that a variant does not have is exception 2."""
    assert code_of_refusal(variant("revised"), Table.INPUT, 31, 1) == 2
    assert code_of_refusal(variant(None), Table.INPUT, 31, 1) is None


def test_an_unknown_variant_is_refused() -> None:
    """A variant that the profile does not have is refused with the nearest one."""
    with pytest.raises(ConfigError, match="no variant 'revisd'; did you mean revised"):
        variant("revisd")


def test_single_values_answer_only_alone() -> None:
    """A device of single values refuses two values in one request, and a part of one."""
    device = variant(None)
    assert code_of_refusal(device, Table.INPUT, 30, 2) == 2
    assert code_of_refusal(device, Table.INPUT, 20, 1) == 2
    assert code_of_refusal(device, Table.INPUT, 20, 2) is None


def test_instances_lie_at_the_stride() -> None:
    """Each instance has its own values at its own addresses, and there is none beyond the last."""
    layout = lay_out(workbench("variants"), load_vocabulary())
    sources = {number: FixedValues({"hp_elec_power": 100 * number}) for number in (1, 2, 3)}
    device = SimulatedDevice("three", layout.image, sources=sources, unit_id=1, clock=FakeClock())
    assert [device.read(Table.INPUT, 20 + 1000 * index, 2) for index in range(3)] == [(0, 100), (0, 200), (0, 300)]
    assert code_of_refusal(device, Table.INPUT, 3020, 2) == 2


def test_values_too_large_are_the_largest_that_fit() -> None:
    """A value that nobody checked and that does not fit is the nearest one that does."""
    device = device_of(every_type(), FixedValues({"elec_current_l2": 5000.0}))
    placed = points_by_name(every_type())["elec_current_l2"]
    assert decode(placed, {placed.slots[0]: tuple(device.read(Table.HOLDING, 111, 1))}) == 327.67
