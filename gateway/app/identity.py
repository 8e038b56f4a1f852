"""Asks a device who it is before its values are joined to what another one said."""

import logging
from collections.abc import Callable, MutableMapping, Sequence
from typing import Protocol

from drivers.factory import FieldDriver
from gateway.core.clock import Clock
from gateway.core.errors import DeviceError, Refused
from gateway.core.readout import Event, Readout
from gateway.core.site import DeviceSettings

log = logging.getLogger(__name__)

NOT_THE_DEVICE = 0
"""Refusal code of ours: no protocol uses it."""


class Connection(Protocol):
    """What is asked of a link here."""

    @property
    def generation(self) -> int:
        """How often it was opened."""

    async def open(self) -> None:
        """Open it unless it is open.

        Raises:
            LinkDown: it cannot be opened.
        """


class IdentifiedDriver:
    """Reads a device, and asks for its serial number whenever it may have been exchanged.

    Args:
        settings: The device in the site file.
        driver: Reads it.
        link: Where it is; a reopened link may have another device behind it.
        clock: Time.
        known: Device → serial number, as far as it ever said one; kept by the owner.
        on_event: Told when the serial number is another than before.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        driver: FieldDriver,
        link: Connection,
        *,
        clock: Clock,
        known: MutableMapping[str, str],
        on_event: Callable[[Event], None],
    ) -> None:
        self._settings = settings
        self._driver = driver
        self._link = link
        self._clock = clock
        self._known = known
        self._on_event = on_event
        self._asked: int | None = None
        self.keep_raw = False
        """Every readout holds the registers behind its values, whoever asks."""

    async def read(self, points: Sequence[str], *, keep_raw: bool = False) -> Readout:
        """Return the values of the named points, None where the device gave none (status PARTIAL).

        Raises:
            DeviceError: no value at all could be had, or it is not the device that the site file names.
            LinkDown: the port or connection is gone.
        """
        try:
            await self._link.open()
            if self._asked != self._link.generation:
                self._judge(await self._driver.identify())
                self._asked = self._link.generation
            return await self._driver.read(points, keep_raw=keep_raw or self.keep_raw)
        except DeviceError:
            self._asked = None  # whoever answers next may be another
            raise

    def _judge(self, identity: dict[str, str]) -> None:
        name, serial = self._settings.id, identity.get("serial_number", "")
        if not serial:
            return
        expected = self._settings.serial_number
        if expected is not None and serial != expected:
            raise Refused(
                f"{name}: the device says that it is {serial}, the site file says {expected}; its values are not "
                "taken: correct serial_number or the wiring",
                code=NOT_THE_DEVICE,
            )
        before = self._known.get(name)
        self._known[name] = serial
        if before is not None and before != serial:
            now_ms = self._clock.utc_ms()
            log.warning("%s: the device was exchanged: serial number %s, before %s", name, serial, before)
            self._on_event(Event("identity", "exchanged", now_ms, now_ms, 0, name, text=f"{before} -> {serial}"))
