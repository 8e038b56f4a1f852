"""What may still come from a unit: each rule alone, and all of them against a bus that keeps its order."""

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.conversation import Conversation, Objection
from drivers.modbus.pdu import IdentificationRequest, ReadRequest, Refusal, Request
from drivers.profile import Table

NOW = 1000.0
BLOCK = ReadRequest(Table.HOLDING, 100, 60)
TWIN = ReadRequest(Table.HOLDING, 300, 60)
SMALL = ReadRequest(Table.HOLDING, 100, 2)
OTHER = ReadRequest(Table.HOLDING, 100, 4)
INPUT = ReadRequest(Table.INPUT, 100, 60)
PROBES = (SMALL, OTHER)
IDENTIFICATION = IdentificationRequest()


def answer_to(request: Request) -> bytes:
    """Return a PDU that answers the request."""
    if isinstance(request, IdentificationRequest):
        return bytes.fromhex("2B 0E 01 01 00 00 00")
    return request.head + bytes(request.reply_bytes - 2)


def refusal_of(request: Request, code: int = 2) -> bytes:
    """Return a PDU that refuses the request."""
    return bytes([request.function | 0x80, code])


def objection(conversation: Conversation, request: Request, *, at_s: float = NOW) -> Objection | None:
    return conversation.objection(request, now_s=at_s)


def ask(conversation: Conversation, request: Request, *pdus: bytes) -> list[bytes | Refusal | None]:
    """Send the request, let these PDUs come, and give it up if there is no answer among them."""
    conversation.sent(request, now_s=NOW)
    taken = [conversation.take(request, pdu) for pdu in pdus]
    if not any(taken):
        conversation.gave_up(request, now_s=NOW)
    return taken


def test_nothing_stands_against_the_first_request() -> None:
    """A unit that was never asked owes nothing."""
    assert objection(Conversation(), BLOCK) is None


def test_no_second_request_of_an_open_shape() -> None:
    """What was not answered is not asked for again in the same shape; another function is another shape."""
    conversation = Conversation()
    ask(conversation, BLOCK)
    assert objection(conversation, BLOCK) is Objection.OPEN
    assert objection(conversation, TWIN) is Objection.OPEN
    assert objection(conversation, SMALL) is None
    assert objection(conversation, INPUT) is None


def test_an_answer_closes_everything_before_it() -> None:
    """After the answer to a later request, the older ones cannot be answered any more."""
    conversation = Conversation()
    ask(conversation, BLOCK)
    ask(conversation, SMALL, answer_to(SMALL))
    assert objection(conversation, BLOCK) is None
    assert objection(conversation, TWIN) is Objection.REPEAT
    assert objection(conversation, TWIN, at_s=NOW + 3601) is None


def test_an_answer_may_come_twice() -> None:
    """The shape answered last is not asked for at another address; the same request again is fine on a calm bus."""
    conversation = Conversation()
    ask(conversation, BLOCK, answer_to(BLOCK))
    assert objection(conversation, BLOCK) is None
    assert objection(conversation, TWIN) is Objection.REPEAT
    ask(conversation, SMALL, answer_to(SMALL))
    assert objection(conversation, TWIN) is None


def test_stray_frames_make_wary() -> None:
    """After a frame that nobody waits for, even the same request is not repeated without a probe, for a while."""
    conversation = Conversation()
    ask(conversation, BLOCK, answer_to(BLOCK))
    conversation.take_late(answer_to(BLOCK))
    assert objection(conversation, BLOCK) is Objection.REPEAT
    for _ in range(60):
        ask(conversation, SMALL, answer_to(SMALL))
        ask(conversation, BLOCK, answer_to(BLOCK))
    assert objection(conversation, BLOCK) is None


def test_late_answer_closes_its_request() -> None:
    """A late answer is never taken, and after it nothing older is owed."""
    conversation = Conversation()
    ask(conversation, BLOCK)
    assert ask(conversation, SMALL, answer_to(BLOCK), answer_to(SMALL)) == [None, bytes(4)]
    assert objection(conversation, BLOCK) is None


def test_refusal_belongs_to_the_oldest() -> None:
    """While an older request is open, a refusal is not taken for the newer one; the second refusal is."""
    conversation = Conversation()
    ask(conversation, BLOCK)
    assert ask(conversation, SMALL, refusal_of(SMALL), refusal_of(SMALL)) == [None, Refusal(2)]
    conversation = Conversation()
    ask(conversation, BLOCK)
    assert ask(conversation, INPUT, refusal_of(BLOCK), refusal_of(INPUT)) == [None, Refusal(2)]
    assert objection(conversation, BLOCK) is None


def test_refusal_after_a_refusal_may_be_that_one_again() -> None:
    """Two refusals in a row are both believed, and the second request stays open in case its answer still comes."""
    conversation = Conversation()
    assert ask(conversation, BLOCK, refusal_of(BLOCK)) == [Refusal(2)]
    assert ask(conversation, SMALL, refusal_of(SMALL)) == [Refusal(2)]
    assert objection(conversation, BLOCK) is None
    assert objection(conversation, SMALL) is Objection.OPEN
    ask(conversation, OTHER, answer_to(OTHER))
    assert objection(conversation, SMALL) is None


def test_repeated_probe_proves_only_with_its_second_answer() -> None:
    """Of two equal probes without answer, the first answer proves what was before the first of them."""
    conversation = Conversation()
    ask(conversation, SMALL)
    ask(conversation, BLOCK)
    ask(conversation, SMALL, answer_to(SMALL))
    assert objection(conversation, BLOCK) is Objection.OPEN
    ask(conversation, OTHER, answer_to(OTHER))
    assert objection(conversation, BLOCK) is None


def test_probe_of_a_fresh_shape_is_preferred() -> None:
    """A probe has another shape than the request, than what is open, and than what was answered last."""
    conversation = Conversation()
    ask(conversation, BLOCK)
    assert conversation.choose_probe(PROBES, BLOCK) == SMALL
    ask(conversation, SMALL)
    assert conversation.choose_probe(PROBES, BLOCK) == OTHER
    ask(conversation, OTHER)
    assert conversation.choose_probe(PROBES, BLOCK) == IDENTIFICATION
    ask(conversation, IDENTIFICATION)
    assert conversation.choose_probe(PROBES, BLOCK) == SMALL
    assert conversation.choose_probe((TWIN,), BLOCK) == IDENTIFICATION


def test_identification_is_not_asked_of_a_device_that_never_answers_it() -> None:
    """Three silences end it, unless it was answered once, if only by a refusal."""
    conversation = Conversation()
    for _ in range(3):
        assert conversation.choose_probe((), BLOCK) == IDENTIFICATION
        ask(conversation, IDENTIFICATION)
    assert conversation.choose_probe((), BLOCK) is None
    conversation = Conversation()
    ask(conversation, IDENTIFICATION, refusal_of(IDENTIFICATION, 1))
    for _ in range(3):
        ask(conversation, IDENTIFICATION)
        assert conversation.choose_probe((), BLOCK) == IDENTIFICATION


def test_what_cannot_be_proven_is_forgotten_in_time() -> None:
    """After an hour nothing is owed, and earlier where the caller says so."""
    conversation = Conversation()
    ask(conversation, BLOCK)
    assert objection(conversation, BLOCK, at_s=NOW + 3599) is Objection.OPEN
    assert objection(conversation, BLOCK, at_s=NOW + 3601) is None
    conversation = Conversation()
    ask(conversation, BLOCK)
    conversation.forget(before_s=NOW + 1)
    assert objection(conversation, BLOCK) is None


def test_doubt_lasts_a_minute() -> None:
    """For a minute after it was given up, another shape is better."""
    conversation = Conversation()
    assert not conversation.is_doubtful(BLOCK, now_s=0.0)
    ask(conversation, BLOCK)
    ask(conversation, SMALL, answer_to(SMALL))
    assert conversation.is_doubtful(BLOCK, now_s=NOW + 59)
    assert not conversation.is_doubtful(SMALL, now_s=NOW + 59)
    assert not conversation.is_doubtful(BLOCK, now_s=NOW + 61)


class OrderedBus:
    """A unit and its channel: frames come in the order of the requests, some twice, some never, some late.

    One thing does not happen: that an answer comes for the second time only after the very same request was sent again,
    with nothing else between.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - repeatable trouble
        self.conversation = Conversation()
        self.frames: deque[tuple[int, bytes]] = deque()
        self.sent: list[Request] = []
        self.mistakes: list[tuple[int, int]] = []
        self.answered = 0

    @property
    def asked(self) -> int:
        """Number of the last request, from 1."""
        return len(self.sent)

    def ask(self, request: Request) -> int | None:
        """Return the number of the request whose answer or refusal was taken, None where none was."""
        while self.frames and (self.sent[-1] == request or self.random.random() > 0.4):
            self.conversation.take_late(self.frames.popleft()[1])
        self.sent.append(request)
        self.conversation.sent(request, now_s=float(self.asked))
        if self.random.random() > 0.15:
            pdu = refusal_of(request, 6) if self.random.random() < 0.1 else answer_to(request)
            self.frames.extend([(self.asked, pdu)] * self.random.choice((1, 1, 1, 2)))
        while self.frames and self.random.random() > 0.1:
            number, pdu = self.frames.popleft()
            taken = self.conversation.take(request, pdu)
            if taken is not None:
                return number if isinstance(taken, bytes) else self.asked
        self.conversation.gave_up(request, now_s=float(self.asked))
        return None

    def read(self, request: Request) -> None:
        """Ask as the bus does: with probes where the request is not allowed."""
        for _ in range(4):
            found = self.conversation.objection(request, now_s=float(self.asked))
            if found is None:
                break
            probe = self.conversation.choose_probe(PROBES, request)
            assert probe is not None
            if self.ask(probe) is None:
                return
        if self.conversation.objection(request, now_s=float(self.asked)) is Objection.OPEN:
            return
        taken = self.ask(request)
        self.answered += taken is not None
        if taken is not None and taken != self.asked:
            self.mistakes.append((taken, self.asked))


@given(st.integers(0, 2**32))
def test_no_answer_is_taken_for_another(seed: int) -> None:
    """On any bus that keeps its order, each answer taken is that to the request just sent."""
    bus = OrderedBus(seed)
    requests = (BLOCK, TWIN, INPUT, ReadRequest(Table.HOLDING, 500, 30))
    for _ in range(60):
        bus.read(bus.random.choice(requests))
    assert bus.mistakes == []
    assert bus.answered > 10


@pytest.mark.parametrize("pdu", [b"", b"\x03", b"\x83", b"\x83\x00", bytes(300)])
def test_rubbish_is_no_answer(pdu: bytes) -> None:
    """PDUs that are nothing change nothing but the trust."""
    conversation = Conversation()
    assert ask(conversation, BLOCK, pdu) == [None]
    assert objection(conversation, BLOCK) is Objection.OPEN
