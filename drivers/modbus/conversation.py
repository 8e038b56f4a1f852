"""What may still arrive from one unit on a bus whose answers carry no transaction id. Pure.

An answer is told by its unit, function and byte count alone: its shape. `docs/decisions/late-answers.md` argues why the
rules below let no late or repeated answer pass for another one, as long as a unit answers in the order in which it was
asked and the channel keeps that order.

1. A request is not sent while an earlier one of the same shape is open, that is, was sent and not answered.
2. Nor when the request answered last had the same shape and another address: that answer may come twice.
3. Nor when a request of the same shape and another address was ever given up.
4. An answer closes its own request and all before it.
5. A refusal has no byte count: it closes the oldest open request with its function.

Where a request is not allowed, a probe of another shape goes first: its answer proves that everything older has come.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from drivers.modbus.pdu import ReadRequest, Refusal, Request

_WARY_REQUESTS = 50
_MOST_OPEN = 32
_FORGET_S = 3600.0

Shape = tuple[int, int]
"""Function and byte count."""


class Objection(Enum):
    """Why a request is not allowed now."""

    OPEN = auto()
    """An earlier request of the same shape has no answer yet: not to be sent before a probe was answered."""
    REPEAT = auto()
    """An answer of the same shape may come twice: a probe goes first where the device has values of another shape."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A request without answer, or several equal ones in a row."""

    request: Request
    sent_s: float
    times: int = 1
    refused: bool = False
    """It was refused just after another one, so that the refusal may have been that one's, coming twice."""

    @property
    def shape(self) -> Shape:
        """What its answer looks like."""
        return shape_of(self.request)


class Conversation:
    """One unit on one bus."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._answered: Request | None = None
        self._last_refused = False
        self._given_up: dict[Shape, Request] = {}
        self._wary = 0

    def objection(self, request: Request, *, now_s: float) -> Objection | None:
        """Return why an answer to the request could be mistaken for another one, None when it could not."""
        shape = shape_of(request)
        self._open = [each for each in self._open if now_s - each.sent_s < _FORGET_S]
        if any(each.shape == shape for each in self._open):
            return Objection.OPEN
        if self._given_up.get(shape, request) != request:
            return Objection.REPEAT
        if self._answered is None or shape_of(self._answered) != shape:
            return None
        return Objection.REPEAT if self._wary or self._answered != request else None

    def choose_probe(self, probes: Sequence[Request], request: Request) -> Request | None:
        """Return the request whose answer proves most, None where all have the shape of the request."""
        shape = shape_of(request)
        others = [probe for probe in probes if shape_of(probe) != shape]
        doubtful = {each.shape for each in self._open}
        if self._answered is not None:
            doubtful.add(shape_of(self._answered))
        return next((probe for probe in others if shape_of(probe) not in doubtful), others[0] if others else None)

    def forget(self, *, before_s: float) -> None:
        """Stop waiting for answers to requests older than this: nothing can prove that they will not come."""
        self._open = [each for each in self._open if each.sent_s >= before_s]

    def sent(self, request: Request, *, now_s: float) -> None:
        """Note that the request is on its way."""
        if self._open and self._open[-1].request == request:
            self._open[-1] = replace(self._open[-1], times=self._open[-1].times + 1, sent_s=now_s)
        else:
            self._open = [*self._open, _Open(request, now_s)][-_MOST_OPEN:]
        self._wary = max(0, self._wary - 1)

    def gave_up(self, request: Request) -> None:
        """Note that no answer came in time."""
        self._given_up[shape_of(request)] = request
        self._last_refused = False

    def take(self, request: Request, pdu: bytes) -> bytes | Refusal | None:
        """Return the answer to the request just sent, None where the PDU is not, or may not be, its answer."""
        answer = request.answer(pdu)
        if answer is None:
            self.take_late(pdu)
        elif isinstance(answer, Refusal):
            return answer if self._take_refusal(request) else None
        else:
            self._close(shape_of(request))
            self._last_refused = False
        return answer

    def take_late(self, pdu: bytes) -> None:
        """Note a PDU of this unit that nobody waits for: the answer to an open request, or one that came twice."""
        late = next((each for each in self._open if each.request.answer(pdu) is not None), None)
        if late is not None:
            self._close(late.shape)
        else:
            self._wary = _WARY_REQUESTS

    def _take_refusal(self, request: Request) -> bool:
        """Return whether a refusal with the request's function refuses this request."""
        index = next(i for i, each in enumerate(self._open) if _may_be_refused(each, request.function))
        if self._open[index].request != request:
            del self._open[: index + 1]
            return False
        if self._last_refused:
            self._open[index] = replace(self._open[index], refused=True)
        else:
            del self._open[: index + 1]
            self._answered = None
        self._last_refused = True
        return True

    def _close(self, shape: Shape) -> None:
        """Close the oldest request of this shape, and all before it."""
        index = next(i for i, each in enumerate(self._open) if each.shape == shape)
        oldest = self._open[index]
        rest = self._open[index + 1 :]
        # Of equal requests in a row the oldest is answered; the answers to the others may still come.
        self._open = [replace(oldest, times=oldest.times - 1), *rest] if oldest.times > 1 else rest
        self._answered = oldest.request


def _may_be_refused(earlier: _Open, function: int) -> bool:
    return earlier.request.function == function and not earlier.refused


def shape_of(request: Request) -> Shape:
    """Return what tells the answer to a request from others."""
    size = request.reply_bytes - 2 if isinstance(request, ReadRequest) else 0
    return request.function, size
