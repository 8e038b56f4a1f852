"""A SunSpec device: finds its models, then reads its points."""

from collections.abc import Mapping, Sequence

from drivers.modbus.pdu import ReadRequest
from drivers.modbus.points import opposite
from drivers.modbus.reader import RegisterReader
from drivers.profile import SunspecModel, SunspecProfile, Table
from drivers.sunspec.chain import MARKER, Placed, walk
from drivers.sunspec.points import locate, sunspec_specs, text_slot
from gateway.core.errors import NoAnswer, Refused
from gateway.core.quantity import Vocabulary
from gateway.core.readout import Readout
from gateway.core.site import DeviceSettings

_IDENTITY = {"serial_number": "SN", "firmware": "Vr", "model": "Md", "maker": "Mn"}
_ILLEGAL_ADDRESS = 2
_PROBE_WORDS = (4, 3)


class SunspecDriver:
    """Implements Driver for a profile whose registers the device describes itself.

    Args:
        settings: The device in the site file.
        profile: Which points, in which models.
        reader: Reads its registers.
        models: What is known of models, by id.
        vocabulary: Units and plausible ranges.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        profile: SunspecProfile,
        *,
        reader: RegisterReader,
        models: Mapping[int, SunspecModel],
        vocabulary: Vocabulary,
    ) -> None:
        self._settings = settings
        self._profile = profile
        self._reader = reader
        self._models = models
        self._vocabulary = vocabulary
        self._bases = profile.sunspec.bases
        self._held: tuple[Placed, ...] = ()
        self._model: int | None = None
        """Address of the model of its first point."""
        self._generation = -1

    async def read(self, points: Sequence[str], *, keep_raw: bool = False) -> Readout:
        """Return the values of the named points, None where the device gave none (status PARTIAL).

        Raises:
            DeviceError: no value at all could be had from this device.
            LinkDown: the port or connection is gone.
        """
        await self._connect()
        return await self._reader.read(points, keep_raw=keep_raw)

    async def identify(self) -> dict[str, str]:
        """Return what the common model says: serial_number, firmware, model, maker.

        Raises:
            DeviceError: it does not answer.
            LinkDown: the port or connection is gone.
        """
        await self._connect()
        found = {}
        for key, name in _IDENTITY.items():
            slot = text_slot(name, self._held, self._models, model=self._model)
            held = await self._reader.read_slot(slot) if slot is not None else None
            if held is not None:
                found[key] = str(held)
        return found

    async def _connect(self) -> None:
        """After the link was opened, or the device was away: find its models anew."""
        link = self._reader.link
        await link.open()
        if self._generation == link.generation and not self._reader.is_lost:
            return
        self._held = await self._discover()
        self._model = self._first_model()
        specs = sunspec_specs(self._profile, self._settings, self._vocabulary, held=self._held, models=self._models)
        if not specs:
            listed = ", ".join(str(placed.model) for placed in self._held)
            problem = f"has models {listed}, and no point of" if self._held else "is no SunSpec device, as asked for by"
            raise Refused(f"{self._settings.id}: the unit {problem} {self._profile.profile}", code=_ILLEGAL_ADDRESS)
        names = (
            opposite(p.point) if self._settings.invert else p.point for p in self._profile.points if not p.optional
        )
        self._reader.start(specs, lacking=frozenset(names) - specs.keys())
        self._generation = link.generation

    def _first_model(self) -> int | None:
        instance = self._settings.instance
        places = (locate(point, self._held, self._models, instance=instance) for point in self._profile.points)
        return next((located.start for located in places if located is not None), None)

    async def _discover(self) -> tuple[Placed, ...]:
        """Return the device's models, none where the marker stands at no base."""
        steps = walk(self._bases)
        address, count = next(steps)
        while True:
            try:
                held = await self._reader.ask(ReadRequest(Table.HOLDING, address, count))
            except NoAnswer:
                # A device may be silent where it has no registers: the next search begins at the next base.
                self._bases = (*self._bases[1:], self._bases[0])
                raise
            if held is not None and held.startswith(MARKER):
                probes = [ReadRequest(Table.HOLDING, address, words) for words in _PROBE_WORDS]
                self._reader.use_probes(probes)
            try:
                address, count = steps.send(held)
            except StopIteration as found:
                models: tuple[Placed, ...] = found.value
                return models
