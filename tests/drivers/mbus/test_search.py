"""Finding meters on a bus: every address is asked once, collisions are told, one request at a time."""

from collections.abc import Callable

import pytest

from drivers.mbus.search import MeterFound, search_primary, search_secondary
from drivers.records.telegram import Meter
from tests.drivers.mbus.bus import SERIAL, Bus, meter
from tests.fakes_stream import LoopClock, run_virtual

Search = Callable[..., object]


def searched(bus: Bus, *, is_secondary: bool, most: int | None = None) -> tuple[list[MeterFound], list[float]]:
    """Return what is found, and the shares that were told meanwhile."""
    shares: list[float] = []

    async def run() -> list[MeterFound]:
        search = search_secondary if is_secondary else search_primary
        found: list[MeterFound] = []
        async for each in search(bus.link(SERIAL), clock=LoopClock(), progress=lambda share, _: shares.append(share)):
            found.append(each)
            if most is not None and len(found) >= most:
                break
        return found

    return run_virtual(run()), shares


def numbers(found: list[MeterFound]) -> list[str]:
    return [each.meter.serial_number for each in found if isinstance(each.meter, Meter)]


def test_primary_search() -> None:
    """Meters at the first, some and the last address are found with their telegrams; progress only grows."""
    bus = Bus([meter("11111111", address=0), meter("22222222", address=33), meter("33333333", address=250)])
    found, shares = searched(bus, is_secondary=False)
    assert numbers(found) == ["11111111", "22222222", "33333333"]
    assert [each.address for each in found] == ["0", "33", "250"]
    assert all(each.telegram is not None and each.raw == each.telegram.raw for each in found)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_primary_search_tells_two_on_one_address() -> None:
    """Two meters with the same address are one finding, a collision."""
    found, _ = searched(Bus([meter("11111111", address=5), meter("98765432", address=5)]), is_secondary=False)
    assert [(each.address, each.is_collision, each.meter) for each in found] == [("5", True, None)]


def test_search_may_be_left() -> None:
    """Whoever has seen enough leaves, and no address behind is asked."""
    bus = Bus([meter("11111111", address=0)])
    searched(bus, is_secondary=False, most=1)
    assert len(bus.line.requests) == 2


@pytest.mark.parametrize(
    "serials",
    [[], ["12345678"], ["12345678", "12345679"], ["00000000", "99999999", "50000000"],
     ["11110000", "11112222", "11112223", "98000000", "98100000"]],
)  # fmt: skip
def test_secondary_search(serials: list[str]) -> None:
    """Meters are told apart by as many digits as that needs, though all have the same primary address."""
    bus = Bus([meter(serial, address=0) for serial in serials])
    found, shares = searched(bus, is_secondary=True)
    assert sorted(numbers(found)) == sorted(serials)
    assert not any(each.is_collision for each in found)
    assert [each.address for each in found] == numbers(found)
    assert shares == sorted(shares)


def test_secondary_search_of_a_single_meter_is_short() -> None:
    """One meter alone is found by the first selection."""
    bus = Bus([meter("12345678")])
    searched(bus, is_secondary=True)
    assert len(bus.line.requests) == 3


def test_same_number_twice_is_a_collision() -> None:
    """Meters of the same number cannot be told apart, which is said."""
    twins = [meter("12345678"), meter("12345678", address=2)]
    found, _ = searched(Bus(twins), is_secondary=True)
    assert [(each.address, each.is_collision) for each in found] == [("12345678", True)]
