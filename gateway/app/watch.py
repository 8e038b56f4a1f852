"""The last readout of each device, in words, for a screen."""

from collections.abc import Mapping

from gateway.app.configuration import Configuration
from gateway.app.screen import LiveDevice
from gateway.app.standing import standing
from gateway.core.readout import Readout, Status, Value

MAIN_POINTS = (
    "elec_power_active",
    "pv_power_ac",
    "ev_power",
    "hp_elec_power",
    "heat_power",
    "bat_power",
    "hp_temp_sink_supply",
    "hp_temp_dhw",
    "indoor_temp",
)
"""The first one that a device has stands for it."""


class LiveTable:
    """Keeps what each device said last."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._last: dict[str, Readout] = {}
        self._standing: dict[str, Status] = {}
        self._values: dict[str, dict[str, Value]] = {}

    def show(self, readout: Readout, time_ms: int | None) -> None:  # noqa: ARG002 - a screen shows ages
        """Remember a readout."""
        self._last[readout.device] = readout
        self._standing[readout.device] = standing(self._standing.get(readout.device), readout.status)
        values = self._values.setdefault(readout.device, {})
        if not readout.points:
            values.clear()  # a value that could not be renewed is not shown as if it were
        values.update(zip(readout.points, readout.values, strict=True))

    def devices(self, now_s: float) -> list[LiveDevice]:
        """Return all devices of the site, in the order of the file."""
        return [self._device(d.settings.id, d.settings.profile, now_s) for d in self._configuration.devices]

    def _device(self, name: str, profile: str, now_s: float) -> LiveDevice:
        readout = self._last.get(name)
        if readout is None:
            return LiveDevice(name, profile, "-", 0.0, "unread")
        main_value = self._main_value(self._values[name])
        return LiveDevice(name, profile, main_value, now_s - readout.monotonic_s, self._standing[name].name.lower())

    def _main_value(self, values: Mapping[str, Value]) -> str:
        for point in (*MAIN_POINTS, *values):
            value = values.get(point)
            if value is not None:
                return f"{value:,.1f} {self._configuration.vocabulary[point].unit}"
        return "-"
