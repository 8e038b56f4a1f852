"""One port, one owner: paced, drained, reopened; on a fake stream, in virtual time."""

import asyncio

import pytest

from drivers.factory import open_link
from drivers.link import Turn
from drivers.link_inbox import HIGH_WATER_BYTES, Inbox
from gateway.core.errors import ConfigError, CorruptFrame, LinkDown
from gateway.core.site import LinkSettings
from tests.fakes_link import Whole, exchange
from tests.fakes_stream import Answers, FakePort, LoopClock, run_virtual

SERIAL = LinkSettings(id="rs485_1", serial="/dev/fake", baudrate=9600, parity="none", stop_bits=1)
SOCKET = LinkSettings(id="cabinet", tcp="192.0.2.1:502")
CHARACTER_S = 10 / 9600


def promptly(_: bytes) -> Answers:
    return [(0.01, b"1234")]


def never(_: bytes) -> Answers:
    return []


def test_opens_at_first_use_and_stays_open() -> None:
    """A link opens its port when it is asked for something, once."""

    async def main() -> None:
        port = FakePort(promptly)
        link = open_link(SOCKET, clock=LoopClock(), open_stream=port.open)
        assert port.opened == []
        assert [await exchange(link), await exchange(link)] == [b"1234", b"1234"]
        assert (len(port.opened), link.generation) == (1, 1)
        assert (link.counters.requests, link.counters.timeouts, link.counters.reopenings) == (2, 0, 0)
        assert link.counters.busy_s == pytest.approx(0.02)

    run_virtual(main())


@pytest.mark.parametrize(("baudrate", "silence_s"), [(9600, 35 / 9600), (19200, 35 / 19200), (115200, 0.00175)])
def test_silence_before_each_request(baudrate: int, silence_s: float) -> None:
    """An RTU request is sent when the bus was silent for 3.5 characters after the last byte, and at most 1 ms later."""

    async def main() -> None:
        port = FakePort(lambda _: [(0.01, b"12"), (0.03, b"34")])
        settings = SERIAL.model_copy(update={"baudrate": baudrate})
        link = open_link(settings, clock=LoopClock(), open_stream=port.open)
        for _ in range(10):
            await exchange(link)
        first, *_, last = port.stream.written_s
        assert 9 * (0.03 + silence_s) <= last - first + 1e-9
        assert last - first <= 9 * (0.03 + silence_s + 0.001) + 1e-9

    run_virtual(main())


def test_a_stray_byte_begins_the_silence_anew() -> None:
    """The silence counts from the last byte of whatever was on the bus."""

    async def main() -> None:
        port = FakePort(promptly)
        link = open_link(SERIAL, clock=LoopClock(), open_stream=port.open)
        receiver = Whole()
        await exchange(link, receiver)
        port.stream.arrive(b"\0", delay_s=0.003)
        await exchange(link, receiver)
        first, second = port.stream.written_s
        assert second - first >= 0.01 + 0.003 + 3.5 * CHARACTER_S
        assert receiver.strays == [b"\0"]

    run_virtual(main())


def test_deadline_is_for_the_whole_answer() -> None:
    """A device that sends one byte every 0.3 s does not keep the bus for longer than the time-out allows."""

    async def main() -> None:
        port = FakePort(lambda _: [(0.3 * number, b"x") for number in range(1, 50)])
        link = open_link(SOCKET, clock=LoopClock(), open_stream=port.open)
        started_s = asyncio.get_running_loop().time()
        assert await exchange(link, Whole(size=40)) is None
        assert asyncio.get_running_loop().time() - started_s == pytest.approx(1.0, abs=0.01)
        assert link.counters.timeouts == 1

    run_virtual(main())


def test_slow_line_has_time_for_its_bytes() -> None:
    """At 300 baud the time on the line comes on top of the time-out."""

    async def main() -> None:
        settings = SERIAL.model_copy(update={"baudrate": 300})
        port = FakePort(lambda _: [(8 * 10 / 300 + 0.99 + 4 * 10 / 300, b"1234")])
        link = open_link(settings, clock=LoopClock(), open_stream=port.open)
        assert await exchange(link) == b"1234"

    run_virtual(main())


def test_drains_after_a_time_out() -> None:
    """After a time-out the link waits until nothing arrives, so that the next request meets a silent bus."""

    async def main() -> None:
        port = FakePort(lambda _: [(1.02, b"la"), (1.04, b"te")])
        link = open_link(SERIAL, clock=LoopClock(), open_stream=port.open)
        receiver = Whole()
        assert await exchange(link, receiver) is None
        assert receiver.strays == [b"la", b"te"]
        assert asyncio.get_running_loop().time() - port.stream.written_s[0] >= 1.0699

    run_virtual(main())


def test_a_bus_that_is_never_silent_is_an_error() -> None:
    """Where bytes never end nothing is sent, and the error says what to look for."""

    async def main() -> None:
        port = FakePort(promptly)
        link = open_link(SERIAL, clock=LoopClock(), open_stream=port.open)
        await exchange(link)
        for number in range(1000):
            port.stream.arrive(b"?", delay_s=0.002 * number)
        with pytest.raises(CorruptFrame, match=r"rs485_1: never silent for 3\.6 ms.*babbles"):
            await exchange(link)
        assert len(port.stream.written) == 1

    run_virtual(main())


def test_pauses_that_a_device_needs() -> None:
    """A device is left alone until its pause is over, and after the connection was made."""

    async def main() -> None:
        port = FakePort(promptly)
        link = open_link(SOCKET, clock=LoopClock(), open_stream=port.open)
        now_s = asyncio.get_running_loop().time()
        await exchange(link, pause_after_connect_s=1.5)
        await exchange(link, not_before_s=now_s + 5.0, pause_after_connect_s=1.5)
        await exchange(link, not_before_s=now_s + 1.0, pause_after_connect_s=1.5)
        waits = [written_s - now_s for written_s in port.stream.written_s]
        assert waits == pytest.approx([1.5, 5.0, 5.01], abs=0.002)

    run_virtual(main())


def test_asks_again_on_a_new_connection_when_the_idle_one_was_closed() -> None:
    """A peer that closed an idle connection costs one reopening and no failure."""

    async def main() -> None:
        port = FakePort(promptly)
        link = open_link(SOCKET, clock=LoopClock(), open_stream=port.open)
        await exchange(link)
        port.stream.hang_up()
        assert await exchange(link) == b"1234"
        assert (link.generation, link.counters.reopenings) == (2, 1)
        assert port.opened[0].is_closed

    run_virtual(main())


def test_a_peer_that_hangs_up_on_every_request_is_down() -> None:
    """Three new connections in a row that are closed instead of answered are a failure of the link."""

    async def main() -> None:
        def hang_up(_: bytes) -> Answers:
            port.stream.hang_up()
            return []

        port = FakePort(hang_up)
        link = open_link(SOCKET, clock=LoopClock(), open_stream=port.open)
        for _ in range(5):
            with pytest.raises(LinkDown, match="closed"):
                await exchange(link)
        assert len(port.opened) == 3
        await asyncio.sleep(0.6)
        with pytest.raises(LinkDown, match="closed"):
            await exchange(link)
        assert len(port.opened) == 4


def test_a_neighbour_is_asked_where_one_request_makes_the_peer_hang_up() -> None:
    """A peer that hangs up on every second request is asked for the next device's at once, each time."""

    async def main() -> None:
        def hang_up_on_new_connections(_: bytes) -> Answers:
            if len(port.opened) % 2:
                return promptly(_)
            port.stream.hang_up()
            return []

        port = FakePort(hang_up_on_new_connections)
        link = open_link(SOCKET, clock=LoopClock(), open_stream=port.open)
        for _ in range(5):
            assert await exchange(link) == b"1234"
            port.stream.hang_up()
            with pytest.raises(LinkDown, match="closed"):
                await exchange(link)

    run_virtual(main())


def test_opens_again_with_growing_pauses() -> None:
    """A port that cannot be opened is tried again after 0.5, 1, 2 and then each 5 s, with the reason at hand."""

    async def main() -> None:
        port = FakePort(promptly)
        port.failures = ["no such port"] * 6
        link = open_link(SOCKET, clock=LoopClock(), open_stream=port.open)
        started_s = asyncio.get_running_loop().time()
        tried_s = []
        while port.failures:
            left = len(port.failures)
            with pytest.raises(LinkDown, match="cabinet: no such port"):
                await exchange(link)
            if len(port.failures) < left:
                tried_s.append(asyncio.get_running_loop().time() - started_s)
            await asyncio.sleep(0.1)
        assert tried_s == pytest.approx([0.0, 0.5, 1.5, 3.5, 8.5, 13.5], abs=0.11)
        await asyncio.sleep(5.0)
        assert await exchange(link) == b"1234"

    run_virtual(main())


@pytest.mark.parametrize(("settings", "connections"), [(SOCKET, 2), (SERIAL, 1)])
def test_gives_up_a_connection_that_is_silent(settings: LinkSettings, connections: int) -> None:
    """After three requests and 20 s without answer a connection is made anew, since its peer may have lost it."""

    async def main() -> None:
        port = FakePort(never)
        link = open_link(settings, clock=LoopClock(), open_stream=port.open)
        for _ in range(6):
            assert await exchange(link) is None
        assert len(port.opened) == 1
        for _ in range(5):
            await asyncio.sleep(9.0)
            assert await exchange(link) is None
        assert len(port.opened) == connections

    run_virtual(main())


def test_a_connection_that_answers_now_and_then_is_kept() -> None:
    """Dead units behind a gateway are no reason to leave it, as long as one of them answers."""

    async def main() -> None:
        requests = iter(range(1000))
        port = FakePort(lambda _: promptly(b"") if next(requests) % 8 == 7 else [])
        link = open_link(SOCKET, clock=LoopClock(), open_stream=port.open)
        for _ in range(64):
            await exchange(link)
            await asyncio.sleep(1.0)
        assert len(port.opened) == 1

    run_virtual(main())


def test_one_request_at_a_time() -> None:
    """Two askers share the link without one of them seeing the answer to the other."""

    async def main() -> None:
        def echo(request: bytes) -> Answers:
            return [(0.05, request[-4:])]

        link = open_link(SOCKET, clock=LoopClock(), open_stream=FakePort(echo).open)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(link.exchange(Turn(b"%04d" % number, 4, 1.0), Whole()), name=f"ask[{number}]")
                for number in range(10)
            ]
        assert [task.result() for task in tasks] == [b"%04d" % number for number in range(10)]

    run_virtual(main())


def test_a_cancelled_request_leaves_the_link_usable() -> None:
    """Cancelling the asker frees the link for the next one."""

    async def main() -> None:
        answers = iter([[], [(0.01, b"1234")]])
        link = open_link(SOCKET, clock=LoopClock(), open_stream=FakePort(lambda _: next(answers)).open)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await exchange(link)
        assert await exchange(link) == b"1234"

    run_virtual(main())


def test_trace_sees_every_byte() -> None:
    """Whoever traces a link is told direction, bytes and what was stray."""

    async def main() -> None:
        seen: list[tuple[str, bytes, str]] = []
        port = FakePort(promptly)
        link = open_link(SERIAL, clock=LoopClock(), open_stream=port.open, trace=lambda *event: seen.append(event))
        await exchange(link)
        port.stream.arrive(b"\0")
        await exchange(link)
        assert seen == [
            ("out", b"question", ""), ("in", b"1234", ""), ("in", b"\0", "stray"), ("out", b"question", ""),
            ("in", b"1234", ""),
        ]  # fmt: skip

    run_virtual(main())


def test_drivers_of_a_link_share_one_companion() -> None:
    """What all drivers of a link share is made once."""

    async def main() -> None:
        link = open_link(SOCKET, clock=LoopClock(), open_stream=FakePort(never).open)
        assert link.companion(Whole, Whole) is link.companion(Whole, Whole)

    run_virtual(main())


def test_closed_link_opens_again() -> None:
    """Closing a link frees its port until somebody asks again."""

    async def main() -> None:
        port = FakePort(promptly)
        link = open_link(SOCKET, clock=LoopClock(), open_stream=port.open)
        await exchange(link)
        await link.close()
        assert port.stream.is_closed
        assert await exchange(link) == b"1234"
        await link.close()
        await link.close()

    run_virtual(main())


@pytest.mark.parametrize("missing", ["baudrate", "parity"])
def test_serial_link_without_its_speed_is_refused(missing: str) -> None:
    """A baud rate or parity that nobody stated is an error, not a guess."""
    with pytest.raises(ConfigError, match=f"rs485_1: {missing}"):
        open_link(SERIAL.model_copy(update={missing: None}), clock=LoopClock())


async def test_inbox_gives_chunks_before_the_failure() -> None:
    """What arrived before a stream failed is still given out."""
    inbox = Inbox(asyncio.get_running_loop())
    inbox.put(b"last words")
    inbox.fail("gone")
    assert await inbox.get(deadline_s=0.0) == b"last words"
    with pytest.raises(LinkDown, match="gone"):
        await inbox.get(deadline_s=0.0)


async def test_inbox_wakes_its_reader_when_it_fails() -> None:
    """A reader that waits learns at once that nothing will come."""
    inbox = Inbox(asyncio.get_running_loop())
    asyncio.get_running_loop().call_soon(inbox.fail, "gone")
    with pytest.raises(LinkDown, match="gone"):
        await inbox.get(deadline_s=asyncio.get_running_loop().time() + 60.0)


def test_inbox_keeps_each_deadline_with_one_timer() -> None:
    """Deadlines far, near and far again are each kept to the millisecond."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        inbox = Inbox(loop)
        loop.call_later(0.5, inbox.put, b"early")
        assert await inbox.get(deadline_s=loop.time() + 10.0) == b"early"
        for wait_s in (0.01, 3.0, 0.5, 20.0):
            started_s = loop.time()
            assert await inbox.get(deadline_s=started_s + wait_s) == b""
            assert loop.time() - started_s == pytest.approx(wait_s, abs=0.001)

    run_virtual(main())


def test_high_water_holds_many_frames() -> None:
    """What may wait unasked is far more than any frame."""
    assert HIGH_WATER_BYTES >= 16 * 260
