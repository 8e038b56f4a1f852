"""A Modbus device: finds out which variant it is, then reads its points."""

from collections.abc import Sequence

from drivers.modbus.points import modbus_specs
from drivers.modbus.reader import RegisterReader
from drivers.modbus.spec import PointSpec, Slot, slot_of
from drivers.profile import Condition, ModbusProfile, RegisterField, Variant
from gateway.core.quantity import Vocabulary
from gateway.core.readout import Readout
from gateway.core.site import DeviceSettings


class ModbusDriver:
    """Implements Driver for a profile whose registers have fixed addresses.

    Args:
        settings: The device in the site file.
        profile: Its model.
        reader: Reads its registers.
        vocabulary: Units and plausible ranges.

    Raises:
        ConfigError: the model has no such instance.
    """

    def __init__(
        self, settings: DeviceSettings, profile: ModbusProfile, *, reader: RegisterReader, vocabulary: Vocabulary
    ) -> None:
        self._settings = settings
        self._profile = profile
        self._reader = reader
        self._vocabulary = vocabulary
        self._specs: dict[str | None, dict[str, PointSpec]] = {}
        self._generation = -1
        self._start(None)

    async def read(self, points: Sequence[str], *, keep_raw: bool = False) -> Readout:
        """Return the values of the named points, None where the device gave none (status PARTIAL).

        Raises:
            DeviceError: no value at all could be had from this device.
            LinkDown: the port or connection is gone.
        """
        await self._connect()
        return await self._reader.read(points, keep_raw=keep_raw)

    async def identify(self) -> dict[str, str]:
        """Return what the device says about itself: serial_number, firmware, model, as far as the profile knows where.

        Raises:
            DeviceError: it does not answer.
            LinkDown: the port or connection is gone.
        """
        await self._connect()
        found = {}
        for key in ("serial_number", "firmware", "model"):
            field: RegisterField | None = getattr(self._profile.identity, key)
            if field is not None:
                held = await self._reader.read_slot(self._place(field))
                if held is not None:
                    found[key] = str(held)
        return found

    async def _connect(self) -> None:
        """After the link was opened, or the device was away: find out anew what it is."""
        link = self._reader.link
        await link.open()
        if self._generation != link.generation or self._reader.is_lost:
            self._start(await self._variant())
            self._generation = link.generation

    def _start(self, variant: Variant | None) -> None:
        name = variant.name if variant is not None else None
        if name not in self._specs:
            self._specs[name] = modbus_specs(self._profile, self._settings, self._vocabulary, variant=variant)
        self._reader.start(self._specs[name])

    async def _variant(self) -> Variant | None:
        """Return the first variant whose condition holds."""
        held: dict[Slot, float | int | str | None] = {}
        for variant in self._profile.variants:
            slot = self._place(variant.when)
            if slot not in held:
                held[slot] = await self._reader.read_slot(slot)
            if holds(variant.when, held[slot]):
                return variant
        return None

    def _place(self, field: RegisterField) -> Slot:
        traits = self._profile.modbus
        return slot_of(field, table=traits.table, word_order=traits.word_order)


def holds(condition: Condition, held: float | str | None) -> bool:
    """Return whether what a register holds selects."""
    if held is None:
        return False
    if condition.equals is not None:
        return held in condition.equals
    low, high = condition.between or (0, 0)
    return not isinstance(held, str) and low <= held <= high
