"""Modbus requests on one link: sends them, and takes as the answer only what answers them."""

import asyncio
from dataclasses import dataclass, field

from drivers.link import Link, Turn
from drivers.modbus.conversation import Conversation, Objection
from drivers.modbus.framing import Frame
from drivers.modbus.pdu import IdentificationRequest, Refusal, Request
from drivers.modbus.transports import framing_of
from gateway.core.clock import Clock
from gateway.core.errors import CorruptFrame, NoAnswer, Refused

_NOT_PROVEN_S = 30.0
"""For so long a device that can give no proof is not asked again what it did not answer."""
_PROBES = 4


class NotAsked(NoAnswer):
    """The request was not even sent, because of what the device did not answer before."""


@dataclass(slots=True)
class Peer:
    """One device as the bus sees it."""

    device: str
    """Its name in the site file."""
    unit: int
    timeout_s: float
    pause_s: float = 0.0
    pause_after_connect_s: float = 0.0
    probes: tuple[Request, ...] = field(default=())
    """Cheap requests that it answers, with answers of different length."""


class ModbusBus:
    """All Modbus devices behind one link.

    Args:
        link: Where the bytes go.
        clock: For pauses.
    """

    def __init__(self, link: Link, *, clock: Clock) -> None:
        self.link = link
        self._clock = clock
        self._framing = framing_of(link.settings)
        self._lock = asyncio.Lock()
        self._conversations: dict[int, Conversation] = {}
        self._not_before_s: dict[int, float] = {}
        self._unit = 0
        self._request: Request = IdentificationRequest()

    @property
    def numbered(self) -> bool:
        """Whether answers carry the transaction id of their request."""
        return self._framing.numbered

    def is_doubtful(self, peer: Peer, request: Request) -> bool:
        """Return whether another request for the same registers is better, since an answer to this one may be late."""
        if self._framing.numbered:
            return False
        return self._conversation(peer.unit).is_doubtful(request, now_s=self._clock.monotonic())

    async def ask(self, peer: Peer, request: Request) -> bytes:
        """Return the registers or bits that the device answered, as they came.

        Raises:
            NoAnswer: nothing came in time.
            Refused: the device answered with an exception.
            CorruptFrame: what came is no frame.
            LinkDown: the port or connection is gone.
        """
        async with self._lock:
            if not self._framing.numbered:
                await self._prove(peer, request)
            return await self._ask(peer, request)

    async def _prove(self, peer: Peer, request: Request) -> None:
        """Make sure that no answer to an earlier request can be taken for the answer to this one.

        Raises:
            NotAsked: the device gives no proof.
            Refused: all it does is refuse.
        """
        refused: Refused | None = None
        conversation, clock = self._conversation(peer.unit), self._clock
        if conversation.objection(request, now_s=clock.monotonic()) is None:
            return
        if conversation.choose_probe(peer.probes, request) is None:
            conversation.forget(before_s=clock.monotonic() - _NOT_PROVEN_S)
        objection = conversation.objection(request, now_s=clock.monotonic())
        for _ in range(_PROBES):
            probe = conversation.choose_probe(peer.probes, request)
            if objection is None or probe is None:
                break
            try:
                await self._ask(peer, probe)
            except Refused as exc:
                refused = exc
            except NoAnswer as exc:
                raise NotAsked(str(exc)) from exc
            objection = conversation.objection(request, now_s=clock.monotonic())
            if objection is Objection.REPEAT:
                break
        # What may only come twice is asked for all the same: nothing better can be had from this device.
        if objection is Objection.OPEN:
            raise refused or NotAsked(f"{peer.device}: unit {peer.unit} on {self.link.id} still owes an earlier answer")

    async def _ask(self, peer: Peer, request: Request) -> bytes:
        framing, link = self._framing, self.link
        self._unit, self._request = peer.unit, request
        turn = Turn(
            request=framing.request(peer.unit, request),
            reply_bytes=framing.frame_bytes(request.reply_bytes),
            timeout_s=peer.timeout_s,
            not_before_s=self._not_before_s.get(peer.unit, 0.0),
            pause_after_connect_s=peer.pause_after_connect_s,
        )
        try:
            answer: bytes | Refusal | None = await link.exchange(turn, self)
        except CorruptFrame as exc:
            raise CorruptFrame(f"{peer.device}: {exc}", frame=exc.frame) from exc
        if peer.pause_s:
            self._not_before_s[peer.unit] = self._clock.monotonic() + peer.pause_s
        if answer is None:
            raise self._silence(peer, request)
        if isinstance(answer, Refusal):
            problem = f"{peer.device}: unit {peer.unit} on {link.id} refused {request}: {answer.text}"
            raise Refused(problem, code=answer.code)
        return answer

    def sent(self) -> None:
        """Note that the request is on its way: what comes now may be its answer."""
        self._framing.sent()
        if not self._framing.numbered:
            self._conversation(self._unit).sent(self._request, now_s=self._clock.monotonic())

    def feed(self, chunk: bytes) -> bytes | Refusal | None:
        """Return the answer to the request under way, once it is whole; count every other frame."""
        answer: bytes | Refusal | None = None
        for frame in self._framing.feed(chunk):
            taken = self._take(frame) if answer is None else None
            if taken is None:
                self._count(frame)
            else:
                answer = taken
        return answer

    def stray(self, chunk: bytes) -> None:
        """Count the frames in bytes that came while nothing was asked."""
        for frame in self._framing.feed(chunk):
            self._count(frame)
            if not self._framing.numbered:
                self._conversation(frame.unit).take_late(frame.pdu)

    def _take(self, frame: Frame) -> bytes | Refusal | None:
        if frame.unit != self._unit:
            return None
        if self._framing.numbered:
            return self._request.answer(frame.pdu) if frame.current else None
        return self._conversation(frame.unit).take(self._request, frame.pdu)

    def _count(self, frame: Frame) -> None:
        counters = self.link.counters
        if frame.unit == self._unit:
            counters.late += 1
        else:
            counters.foreign += 1

    def _silence(self, peer: Peer, request: Request) -> NoAnswer | CorruptFrame:
        """Return the error for a request without answer."""
        if not self._framing.numbered:
            self._conversation(peer.unit).gave_up(request, now_s=self._clock.monotonic())
        noise = self._framing.noise
        if not noise:
            return NoAnswer(
                f"{peer.device}: no answer from unit {peer.unit} on {self.link.id} within {peer.timeout_s} s"
            )
        self.link.counters.corrupt += 1
        return CorruptFrame(
            f"{peer.device}: what unit {peer.unit} on {self.link.id} answered is no valid frame "
            f"({len(noise)} bytes); check wiring, termination, baud rate and parity",
            frame=noise,
        )

    def _conversation(self, unit: int) -> Conversation:
        found = self._conversations.get(unit)
        if found is None:
            found = self._conversations[unit] = Conversation()
        return found
