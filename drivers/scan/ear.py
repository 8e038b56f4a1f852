"""What is heard on a port that nobody asked anything: which protocols speak there, and who. Pure."""

from collections.abc import Mapping

from drivers.modbus.rtu import RtuFraming
from drivers.records.telegram import Damaged, Meter, Telegram, TelegramStream

_READS = frozenset({1, 2, 3, 4})
_REQUEST_BYTES = 5
_FRAMES_THAT_PROVE = 2
"""One frame may be noise that looks like it: one time in 65536."""
_SPECIAL_FIRST = ("p1", "sml", "dlms", "mbus", "kmp", "d0")
"""A P1 telegram is a data message of IEC 62056-21, too: the narrower protocol names it."""


class Ear:
    """Listens with every recogniser at once.

    Args:
        streams: Protocol → what finds its telegrams.
    """

    def __init__(self, streams: Mapping[str, TelegramStream]) -> None:
        self._streams = streams
        self._modbus = RtuFraming()
        self._telegrams: dict[str, list[Telegram]] = {}
        self._damaged: dict[str, str] = {}
        self.octets = 0
        """Bytes that came."""
        self.frames = 0
        """Valid Modbus RTU frames."""
        self.asked: set[int] = set()
        """Units that another client asked."""
        self.answered: set[int] = set()
        """Units that answered it."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; whatever they are."""
        self.octets += len(chunk)
        for frame in self._modbus.feed(chunk):
            self.frames += 1
            is_request = len(frame.pdu) == _REQUEST_BYTES and frame.pdu[0] in _READS
            (self.asked if is_request else self.answered).add(frame.unit)
        for protocol, stream in self._streams.items():
            self._note(protocol, stream.feed(chunk))

    def pause(self) -> None:
        """Note that nothing came for a while: whatever comes next is the beginning of a frame."""
        self._modbus = RtuFraming()

    def finish(self) -> None:
        """Note what the end leaves over."""
        for protocol, stream in self._streams.items():
            self._note(protocol, stream.finish())

    @property
    def protocol(self) -> str | None:
        """What speaks here, None where nothing was understood: modbus where another client asks."""
        for protocol in _SPECIAL_FIRST:
            if self._telegrams.get(protocol):
                return protocol
        if self.frames >= _FRAMES_THAT_PROVE:
            return "modbus"
        return next((name for name, reason in self._damaged.items() if _wants_key(reason)), None)

    @property
    def wants_key(self) -> str:
        """Why telegrams of the protocol could not be opened, empty where none had to."""
        return next((reason for reason in self._damaged.values() if _wants_key(reason)), "")

    @property
    def is_understood(self) -> bool:
        """Whether the bytes are those of a protocol we know."""
        return self.protocol is not None

    def telegrams(self) -> dict[str, Telegram]:
        """Return the newest telegram of each meter that speaks the protocol, by its serial number."""
        found = self._telegrams.get(self.protocol or "", [])
        return {_name(telegram.meter): telegram for telegram in found}

    def _note(self, protocol: str, findings: object) -> None:
        if not isinstance(findings, (list, tuple)):
            return
        for finding in findings:
            if isinstance(finding, Telegram):
                self._telegrams.setdefault(protocol, []).append(finding)
            elif isinstance(finding, Damaged):
                self._damaged[protocol] = finding.reason


def _name(meter: Meter) -> str:
    return meter.serial_number or meter.address or meter.model


def _wants_key(reason: str) -> bool:
    return "key" in reason.casefold()
