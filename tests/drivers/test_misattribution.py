"""Promise no-wrong-value on a bus with two masters and every kind of trouble: nothing becomes another one's value."""

import os

import pytest

from gateway.core.readout import Readout, Status
from tests.drivers.hostile_bus import BLOCKS, LINKS, mistakes, polled

SHARE = int(os.environ.get("BUS_TRANSACTIONS", "60000")) // 6


@pytest.mark.timeout(0 if SHARE > 20_000 else 60)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("framing", list(LINKS))
def test_no_value_is_wrong_on_a_hostile_bus(framing: str, seed: int) -> None:
    """Of late, doubled, merged, foreign, truncated, echoed and overheard answers none becomes a wrong value."""
    ended, happened = polled(framing, transactions=SHARE, seed=seed)
    assert {what: count for what, count in ended.items() if what.startswith("wrong")} == {}
    assert ended["values"] > SHARE // 2
    assert min(happened.values()) > 0
    assert len(happened) == 12


def test_every_mix_up_would_be_noticed() -> None:
    """A value says its unit, its register and its request: one that is another's in any of them is a mistake."""
    points = tuple(BLOCKS)[:1]
    right = (3 << 8 | 25) << 32 | 7
    for value, found in ((right, 0), (right + (1 << 40), 1), (right + (1 << 32), 1), (right - 2, 1), (right + 1, 1)):
        readout = Readout("meter_3", 0.0, points, (float(value),), Status.OK)
        assert len(list(mistakes(readout, 3, first=6, last=7))) == found
