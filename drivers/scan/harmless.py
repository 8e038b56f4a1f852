"""Whether a frame that somebody else made could change a device. Pure.

Source: Modbus over Serial Line V1.02, section 2.5; Modbus Messaging on TCP/IP V1.0b, section 3.1.3; EN 13757-2, 5.7.5
(control field) and EN 13757-3, chapter 7 (CI field).
"""

from drivers.modbus.checksum import crc16, lrc8

_LEAST_RTU = 4
_TCP_HEADER = 6
_LEAST_ASCII = 9
_LONG_START, _STOP = 0x68, 0x16
_LONG_OVERHEAD = 6
_SEND_TO_DEVICE = frozenset({0x53, 0x73})
_SELECTION = frozenset({0x52, 0x56})
"""CI fields by which a meter is selected; all others of a request carry something to be kept."""


def changes_something(frame: bytes) -> bool:
    """Return whether the frame is Modbus, which goes another way, or an M-Bus telegram that is no selection."""
    return _is_modbus(frame) or _is_mbus_write(frame)


def _is_modbus(frame: bytes) -> bool:
    if len(frame) >= _LEAST_RTU and crc16(frame) == 0:
        return True
    if len(frame) > _TCP_HEADER and not any(frame[2:4]) and int.from_bytes(frame[4:6], "big") == len(frame) - 6:
        return True
    if len(frame) < _LEAST_ASCII or not frame.startswith(b":") or not frame.endswith(b"\r\n"):
        return False
    try:
        return lrc8(bytes.fromhex(frame[1:-2].decode("ascii"))) == 0
    except ValueError:
        return False


def _is_mbus_write(frame: bytes) -> bool:
    if len(frame) <= _LONG_OVERHEAD or frame[0] != _LONG_START or frame[3] != _LONG_START or frame[-1] != _STOP:
        return False
    return frame[4] in _SEND_TO_DEVICE and frame[6] not in _SELECTION
