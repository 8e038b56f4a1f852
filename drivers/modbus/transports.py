"""Which framing a link speaks."""

from drivers.modbus.ascii import AsciiFraming
from drivers.modbus.framing import Framing
from drivers.modbus.rtu import RtuFraming
from drivers.modbus.tcp import TcpFraming
from gateway.core.site import LinkSettings


def framing_of(settings: LinkSettings) -> Framing:
    """Return what packs requests for the link and finds frames in what arrives."""
    if settings.modbus_framing == "rtu":
        return RtuFraming()
    if settings.modbus_framing == "ascii":
        return AsciiFraming()
    return TcpFraming(datagrams=settings.udp is not None)
