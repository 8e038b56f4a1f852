"""Errors, sorted by who must act."""


class KvarterError(Exception):
    """Anything this program raises on purpose; its text says what, where and what to do."""


class ConfigError(KvarterError):
    """A file that a person wrote is wrong: the installer must change it."""


class DeviceError(KvarterError):
    """One device did not give what was asked; its neighbours are not concerned."""


class NoAnswer(DeviceError):
    """The device stayed silent until the deadline."""


class Refused(DeviceError):
    """The device answered that it will not give what was asked.

    Args:
        code: The Modbus exception code, or the protocol's own refusal code.
    """

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class CorruptFrame(DeviceError):
    """Bytes came that no correct device sends; they were discarded.

    Args:
        frame: The bytes as received.
    """

    def __init__(self, message: str, *, frame: bytes = b"") -> None:
        super().__init__(message)
        self.frame = frame


class LinkDown(KvarterError):
    """The port or connection is gone: no device behind it can be reached."""


class SinkUnavailable(KvarterError):
    """The far end (broker, collector, store) does not take anything now: keep the batch and try again."""


class SpoolError(KvarterError):
    """The disk refused a write; sampling continues in memory."""


class WireError(KvarterError):
    """A message on our topics is not what the wire format says: it is dropped and counted."""
