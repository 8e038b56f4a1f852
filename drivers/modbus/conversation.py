"""What may still arrive from one unit on a bus whose answers carry no transaction id. Pure.

An answer is told by its unit, function and byte count alone: its shape. `docs/decisions/0004-late-answers.md` argues
why the rules below let no late or repeated answer pass for another one, as long as a unit answers in the order in which
it was asked and the channel keeps that order.

1. A request is not sent while an earlier one of the same shape is open, that is, was sent and not answered.
2. Nor when the request answered last had the same shape and another address, since that answer may come twice; nor
   when it was the very same request, while others are open or after a stray frame.
3. Nor when a request of the same shape and another address was ever given up.
4. An answer closes its own request and all before it.
5. A refusal has no byte count: it closes the oldest open request with its function.

Where a request is not allowed, a probe of another shape goes first: its answer proves that everything older has come.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from drivers.modbus.pdu import IdentificationRequest, ReadRequest, Refusal, Request

_WARY_REQUESTS = 50
_MOST_OPEN = 32
_FORGET_S = 3600.0
_DOUBT_S = 60.0
_MOST_UNIDENTIFIED = 3
"""A device that stays silent so often to a function that it may not know is not asked for it any more."""
_IDENTIFICATION: Final = IdentificationRequest()

Shape = tuple[int, int]
"""Function and byte count."""


class Objection(Enum):
    """Why a request is not allowed now."""

    OPEN = auto()
    """An answer of the same shape is still owed, or may come twice while another is owed: a probe must go first."""
    REPEAT = auto()
    """An answer of the same shape may come twice: a probe goes first, if there is any of another shape."""


class _Due(Enum):
    """What may still come for a request that was sent."""

    ANSWER = auto()
    """An answer or a refusal."""
    ANSWER_AFTER_ALL = auto()
    """An answer: it was refused, but that may have been the refusal before it, coming twice."""
    SAME_ANSWER = auto()
    """Its answer once more."""
    SAME_REFUSAL = auto()
    """Its refusal once more."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A request for which something may still come, or several equal ones in a row."""

    request: Request
    sent_s: float
    due: _Due = _Due.ANSWER
    times: int = 1

    def may_answer(self, shape: Shape) -> bool:
        """Return whether a frame of this shape may come for it."""
        return self.due is not _Due.SAME_REFUSAL and shape_of(self.request) == shape

    def may_refuse(self, function: int) -> bool:
        """Return whether a refusal with this function may come for it."""
        return self.due in (_Due.ANSWER, _Due.SAME_REFUSAL) and self.request.function == function


class Conversation:
    """One unit on one bus."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._answered: Request | None = None
        self._refused: Request | None = None
        self._given_up: dict[Shape, tuple[Request, float]] = {}
        self._wary = 0
        self._unidentified = 0

    def objection(self, request: Request, *, now_s: float) -> Objection | None:
        """Return why an answer to the request could be mistaken for another one, None when it could not."""
        shape = shape_of(request)
        self._open = [each for each in self._open if now_s - each.sent_s < _FORGET_S]
        same_shape = self._answered is not None and shape_of(self._answered) == shape
        if any(each.may_answer(shape) for each in self._open) or (same_shape and self._open):
            return Objection.OPEN
        given_up, since_s = self._given_up.get(shape, (request, now_s))
        if given_up != request and now_s - since_s < _FORGET_S:
            return Objection.REPEAT
        return Objection.REPEAT if same_shape and (self._wary or self._answered != request) else None

    def is_doubtful(self, request: Request, *, now_s: float) -> bool:
        """Return whether an answer of this shape was given up so lately that it may still come, even out of turn."""
        _, since_s = self._given_up.get(shape_of(request), (request, -_DOUBT_S))
        return now_s - since_s < _DOUBT_S

    def choose_probe(self, probes: Sequence[Request], request: Request) -> Request | None:
        """Return the request whose answer proves most, None where all have the shape of the request."""
        shape = shape_of(request)
        others = [probe for probe in probes if shape_of(probe) != shape]
        if self._unidentified < _MOST_UNIDENTIFIED:
            others.append(_IDENTIFICATION)
        doubtful = {shape_of(each.request) for each in self._open}
        if self._answered is not None:
            doubtful.add(shape_of(self._answered))
        return next((probe for probe in others if shape_of(probe) not in doubtful), others[0] if others else None)

    def forget(self, *, before_s: float) -> None:
        """Stop waiting for answers to requests older than this: nothing can prove that they will not come."""
        self._open = [each for each in self._open if each.sent_s >= before_s]

    def sent(self, request: Request, *, now_s: float) -> None:
        """Note that the request is on its way."""
        self._expect_repetition(request, now_s)
        last = self._open[-1] if self._open else None
        if last is not None and last.request == request and last.due is _Due.ANSWER:
            self._open[-1] = replace(last, times=last.times + 1, sent_s=now_s)
        else:
            self._open = [*self._open, _Open(request, now_s)][-_MOST_OPEN:]
        self._wary = max(0, self._wary - 1)

    def gave_up(self, request: Request, *, now_s: float) -> None:
        """Note that no answer came in time."""
        self._given_up[shape_of(request)] = request, now_s
        if request == _IDENTIFICATION:
            self._unidentified += 1

    def take(self, request: Request, pdu: bytes) -> bytes | Refusal | None:
        """Return the answer to the request just sent, None where the PDU is not, or may not be, its answer."""
        if _IDENTIFICATION.answer(pdu) is not None:
            self._unidentified = -_MOST_UNIDENTIFIED
        answer = request.answer(pdu)
        if answer is None:
            self.take_late(pdu)
        elif isinstance(answer, Refusal):
            return answer if self._take_refusal(request) else None
        else:
            self._close(shape_of(request))
        return answer

    def take_late(self, pdu: bytes) -> None:
        """Note a PDU of this unit that nobody waits for: the answer to an open request, or one that came twice."""
        self._wary = _WARY_REQUESTS
        for each in self._open:
            answer = each.request.answer(pdu)
            if isinstance(answer, Refusal) and each.may_refuse(each.request.function):
                self._take_refusal(each.request)
                return
            if isinstance(answer, bytes) and each.may_answer(shape_of(each.request)):
                self._close(shape_of(each.request))
                return

    def _expect_repetition(self, request: Request, now_s: float) -> None:
        """While something is open, only the second of two equal answers proves anything, so the first is expected."""
        if not self._open and not self._wary:
            return
        if self._answered is not None and shape_of(self._answered) == shape_of(request):
            self._open.insert(0, _Open(self._answered, now_s, _Due.SAME_ANSWER))
            self._answered = None
        if self._refused is not None and self._refused.function == request.function:
            self._open.insert(0, _Open(self._refused, now_s, _Due.SAME_REFUSAL))
            self._refused = None

    def _take_refusal(self, request: Request) -> bool:
        """Return whether a refusal with the request's function may refuse this request."""
        index = next((i for i, each in enumerate(self._open) if each.may_refuse(request.function)), None)
        if index is None:
            return False
        oldest = self._open[index]
        before = self._refused
        twice = before is not None and before.function == request.function
        if twice and oldest.request == request and oldest.due is _Due.ANSWER:
            # It may be the one before it, coming twice.
            self._open[index] = replace(oldest, due=_Due.ANSWER_AFTER_ALL)
            return True
        self._drop_until(index)
        self._answered = self._refused = None
        if oldest.due is not _Due.SAME_REFUSAL:
            self._refused = oldest.request
            if self._open:
                self._expect_repetition(oldest.request, oldest.sent_s)
        return oldest.request == request or oldest.due is _Due.SAME_REFUSAL

    def _close(self, shape: Shape) -> None:
        """Note the answer to the oldest request of this shape."""
        index = next((i for i, each in enumerate(self._open) if each.may_answer(shape)), None)
        if index is None:
            return
        oldest = self._open[index]
        self._drop_until(index)
        self._answered = self._refused = None
        if oldest.due is not _Due.SAME_ANSWER:
            self._answered = oldest.request
            if self._open:
                self._expect_repetition(oldest.request, oldest.sent_s)

    def _drop_until(self, index: int) -> None:
        """Drop an open request, and all before it; of equal ones in a row only the oldest."""
        oldest, rest = self._open[index], self._open[index + 1 :]
        self._open = [replace(oldest, times=oldest.times - 1), *rest] if oldest.times > 1 else rest


def shape_of(request: Request) -> Shape:
    """Return what tells the answer to a request from others."""
    size = request.reply_bytes - 2 if isinstance(request, ReadRequest) else 0
    return request.function, size
