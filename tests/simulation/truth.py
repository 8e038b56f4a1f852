"""What was really sampled, kept outside of the system under test."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile

from gateway.core.readout import Readout, Status
from tests.simulation.bus import Serving, SimDevice
from tests.simulation.clock import SimClock

Complain = Callable[[str, str], None]
"""Takes the name of an invariant and what was seen."""

_VALUED = (Status.OK, Status.PARTIAL)


@dataclass(slots=True)
class Sample:
    """One readout as it was taken."""

    device: str
    status: int
    expected: dict[str, float]
    """Field → value, from what the device served."""
    at_s: float
    """End of the acquisition, on the loop."""
    true_ms: float
    wall_ms: int
    monotonic_ms: int
    time_ms: int | None
    """As stamped; None where the clock was waited for."""
    boot: int
    is_maybe: bool
    """The process died at that moment: it may be anywhere or nowhere."""
    row_ms: int | None = None
    """Time of its row in the store."""


@dataclass
class Truth:
    """All samples of one gateway."""

    complain: Complain
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    _last_s: dict[str, float] = field(default_factory=dict)

    def note(self, readout: Readout, time_ms: int | None, *, device: SimDevice, boot: "Boot") -> Sample:
        """Take a readout, and judge its values by what the device served for it."""
        now_s = asyncio.get_running_loop().time()
        expected = self._expected(readout, device) if readout.status in _VALUED else {}
        if readout.status not in _VALUED and readout.values:
            self.complain("no-wrong-value", f"{readout.device}: values with status {readout.status.name}")
        if readout.status is Status.OK and len(expected) < 3:
            self.complain("no-wrong-value", f"{readout.device}: status OK with {len(expected)} of 3 values")
        sample = Sample(
            device=readout.device,
            status=int(readout.status),
            expected=expected,
            at_s=now_s,
            true_ms=boot.clock.true.utc_ms(),
            wall_ms=boot.clock.utc_ms(),
            monotonic_ms=round(readout.monotonic_s * 1000),
            time_ms=time_ms,
            boot=boot.number,
            is_maybe=boot.is_dying,
        )
        self._last_s[readout.device] = now_s
        self.samples.setdefault(readout.device, []).append(sample)
        return sample

    def _expected(self, readout: Readout, device: SimDevice) -> dict[str, float]:
        """Return the fields that the line must have; each value must come from an answer to this very poll."""
        since_s = self._last_s.get(readout.device, 0.0)
        fresh = list(takewhile(lambda each: each.asked_s > since_s, reversed(device.servings)))
        expected: dict[str, float] = {}
        for point, value in zip(readout.points, readout.values, strict=True):
            if value is None:
                continue
            served = (_served(device, point, each) for each in fresh)
            match = next((each for each in served if each and abs(each - value) <= 1e-12 * abs(each)), None)
            if match is None:
                self.complain("no-wrong-value", f"{readout.device}: {point} = {value!r} was not served for this poll")
                match = float(value)
            expected[point] = match
        return expected


def _served(device: SimDevice, point: str, serving: Serving) -> float | None:
    """Return what a point was in an answer, None where the answer had none."""
    if point == "elec_energy_import":
        return device.energy_wh(serving.number) / 1000
    if point == "elec_power_active":
        return float(device.power_w(serving.number))
    return device.voltage(serving.number) / 10 if serving.has_voltage else None


@dataclass
class Boot:
    """One boot of the machine, as far as the truth must know it."""

    number: int
    clock: SimClock
    is_dying: bool = False
