"""The dialogue of IEC 62056-21, on a line whose time passes at once."""

import asyncio
from collections.abc import Callable, Iterable

import pytest

from drivers.iec62056.signon import acknowledgement_of, identification_in, request_of
from drivers.iec62056.source import D0Source
from drivers.link import Link
from drivers.profile_records import ObisProfile
from drivers.records.telegram import Telegram
from gateway.core.errors import ConfigError, CorruptFrame, LinkDown, NoAnswer, Refused
from gateway.core.site import DeviceSettings, LinkSettings
from tests.drivers.iec62056.telegrams import HEAT, OPTICAL, block, values, with_parity
from tests.fakes_stream import Answers, FakePort, LoopClock, run_virtual

LINE, DATA = b"/ISk5MT174-0001\r\n", OPTICAL[17:]
SERIAL = LinkSettings(id="head", serial="/dev/ttyUSB0", baudrate=300, parity="even", data_bits=7)
SOCKET = LinkSettings(id="head", tcp="127.0.0.1:4001")


def profile(**traits: object) -> ObisProfile:
    """Return a profile with these traits."""
    return ObisProfile.model_validate(
        {
            "profile": "test/d0",
            "maker": "Test",
            "model": "D0",
            "kind": "electricity_meter",
            "protocol": "d0",
            "source": [{"document": "none", "version": "1"}],
            "interval": "1min",
            "obis": {"mode": "C", "timeout": "3s", **traits},
            "points": [{"point": "elec_energy_import", "obis": ["1-0:1.8.0"]}],
            "tests": [{"telegram": "/", "expect": {"elec_energy_import": 1}}],
        },
        strict=False,
    )


def meter(*, line: bytes = LINE, data: bytes = DATA, echo: bool = False) -> Callable[[bytes], Answers]:
    """Return the answers of a meter: its identification, and behind an acknowledgement its data."""

    def answer(message: bytes) -> Answers:
        if echo:
            yield 0.0, message[:2]
            yield 0.01, message[2:]
        if message.startswith(b"/?"):
            yield 0.4, line[:5]
            yield 0.5, line[5:]
        elif message.startswith(b"\x06"):
            yield 0.5, data[:50]
            yield 0.9, data[50:]

    return answer


def asked(
    answer: Callable[[bytes], Iterable[tuple[float, bytes]]],
    *,
    link: LinkSettings = SERIAL,
    address: str | None = None,
    **traits: object,
) -> tuple[Telegram | Exception, FakePort]:
    """Return what one readout gives or raises, and the port it went over."""
    port = FakePort(answer)

    async def fetch() -> Telegram | Exception:
        clock = LoopClock()
        settings = DeviceSettings(id="main_meter", profile="test/d0", link="head", meter_address=address)
        source = D0Source(
            settings, profile(**traits), Link(link, open_stream=port.open, clock=clock), clock=clock
        )  # fmt: skip
        try:
            return await source.fetch(frozenset())
        except (NoAnswer, Refused, CorruptFrame, LinkDown) as exc:
            return exc

    return run_virtual(fetch()), port


def test_readout_on_a_serial_line() -> None:
    """Sign-on at 300 baud, the meter's own speed acknowledged, the data read at it, and back to 300 baud."""
    telegram, port = asked(meter())
    assert isinstance(telegram, Telegram)
    assert telegram.meter.model == "MT174-0001"
    assert values(telegram)["1-0:1.8.0"] == "1234.567 kWh"
    assert port.stream.written == [b"/?!\r\n", b"\x06050\r\n"]
    assert port.stream.baudrates == [9600, 300]


def test_socket_keeps_its_speed() -> None:
    """A converter cannot be told another speed, and so the meter is asked to stay at 300 baud."""
    telegram, port = asked(meter(), link=SOCKET)
    assert isinstance(telegram, Telegram)
    assert port.stream.written[-1] == b"\x06000\r\n"
    assert port.stream.baudrates == []


def test_address_stands_in_the_request() -> None:
    """One meter of several on a line is asked by its address."""
    _, port = asked(meter(), address="72819301")
    assert port.stream.written[0] == b"/?72819301!\r\n"


def test_echo_and_parity_are_no_answer() -> None:
    """An optical head that hears itself, and parity in bit 7, change nothing."""
    plain, _ = asked(meter())
    heard, _ = asked(meter(line=with_parity(LINE), data=with_parity(DATA), echo=True))
    assert isinstance(plain, Telegram)
    assert isinstance(heard, Telegram)
    assert values(heard) == values(plain)


def test_noise_of_the_change_of_speed() -> None:
    """What is read wrong while the speed changes does not spoil the block behind it, nor hide the meter's name."""
    telegram, _ = asked(meter(data=b"\x7f\x03\x55/ab\x02" + DATA))
    assert isinstance(telegram, Telegram)
    assert telegram.meter.maker == "ISK"


def test_battery_meter_is_woken() -> None:
    """Zeros for as long as the profile says, a pause, and only then the request."""
    telegram, port = asked(meter(line=b"/LUGCUH50\r\n", data=HEAT[11:]), wakeup="2.2s")
    stream = port.stream
    assert stream.written[0] == b"\0" * 66
    assert stream.written_s[1] - stream.written_s[0] == pytest.approx(2.2 + 1.6, abs=0.05)
    # Mode B: nothing is acknowledged, and this meter waits for that.
    assert isinstance(telegram, NoAnswer)
    assert stream.written[1:] == [b"/?!\r\n"]
    assert stream.baudrates == [2400, 300]


def test_mode_b_goes_on_by_itself() -> None:
    """A meter that says a letter changes its speed at once and sends its data unasked."""

    def answer(message: bytes) -> Answers:
        return [(0.4, b"/LUGCUH50\r\n"), (0.8, HEAT[11:])] if message.startswith(b"/?") else []

    telegram, port = asked(answer)
    assert isinstance(telegram, Telegram)
    assert values(telegram)["6.8"] == "12.345 GJ"
    assert port.stream.baudrates == [2400, 300]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda _: [], NoAnswer, "main_meter: no answer from the meter on head to the sign-on within 3 s"),
        (meter(data=b""), NoAnswer, "to the acknowledgement within 3 s"),
        (lambda message: [(0.1, message)], NoAnswer, "to the sign-on"),
        (lambda _: [(0.1, b"\x15")], Refused, "NAK"),
        (lambda _: [(0.1, b"\x7f\x80hum")], CorruptFrame, "no identification"),
        (lambda _: [(0.1, b"x" * 300)], CorruptFrame, "no identification"),
        (meter(data=b"\x02(ER23)\x03\x1b"), Refused, "the meter answers ER23"),
        (meter(data=DATA[:-1] + bytes([DATA[-1] ^ 1])), CorruptFrame, "block check"),
        (meter(data=DATA[:60]), CorruptFrame, "no end"),
        (meter(data=block("-")), CorruptFrame, "without data"),
    ],
)
def test_failures_say_what_and_where(
    answer: Callable[[bytes], Answers], error: type[Exception], words: str
) -> None:  # fmt: skip
    """Silence, refusal and damage are told apart, nothing is asked twice, and the line is at its first speed again."""
    raised, port = asked(answer)
    assert type(raised) is error
    assert words in str(raised)
    assert len([message for message in port.stream.written if message.startswith(b"/?")]) == 1
    assert port.stream.baudrates[-1] == 300


def test_refusal_has_the_number_of_the_message() -> None:
    """The code of a refusal is the number in the meter's error message."""
    raised, _ = asked(meter(data=b"\x02(ER23)\x03\x1b"))
    assert isinstance(raised, Refused)
    assert raised.code == 23


def test_silence_within_a_block_ends_the_wait() -> None:
    """A block that stops is given up after the longest pause that the standard allows, not after minutes."""

    async def fetch() -> float:
        clock = LoopClock()
        port = FakePort(meter(data=DATA[:60]))
        settings = DeviceSettings(id="main_meter", profile="test/d0", link="head")
        source = D0Source(settings, profile(), Link(SERIAL, open_stream=port.open, clock=clock), clock=clock)
        before_s = clock.monotonic()
        with pytest.raises(CorruptFrame):
            await source.fetch(frozenset())
        return clock.monotonic() - before_s

    assert run_virtual(fetch()) < 5.0


def test_cancelled_readout_leaves_the_line_as_it_was() -> None:
    """Whoever is cancelled in the midst of the data puts the port back to its first speed."""

    async def fetch() -> list[int]:
        clock = LoopClock()
        port = FakePort(meter(data=DATA[:60]))
        settings = DeviceSettings(id="main_meter", profile="test/d0", link="head")
        source = D0Source(settings, profile(), Link(SERIAL, open_stream=port.open, clock=clock), clock=clock)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.6):
                await source.fetch(frozenset())
        return port.stream.baudrates

    assert run_virtual(fetch()) == [9600, 300]


def test_no_byte_asks_for_programming_mode() -> None:
    """Whatever a meter proposes, the acknowledgement asks for its data: protocol 0, mode 0."""
    for octet in range(0x21, 0x7F):
        identification = identification_in(b"/KVR" + bytes([octet]) + b"X\r\n")
        if identification is not None and identification.acknowledge:
            message = acknowledgement_of(identification.acknowledge)
            assert (message[:2], message[3:]) == (b"\x060", b"0\r\n")
            assert message[2:3] in b"0123456"


def test_identification_and_its_speeds() -> None:
    """Digits are mode C, letters A to F mode B, anything else mode A at 300 baud."""
    speeds = {}
    for character in "0156ACF?":
        identification = identification_in(f"/KVR{character}TEST\r\n".encode())
        assert identification is not None
        speeds[character] = identification.baudrate, identification.acknowledge
    assert speeds == {
        "0": (300, "0"), "1": (600, "1"), "5": (9600, "5"), "6": (19200, "6"),
        "A": (600, ""), "C": (2400, ""), "F": (19200, ""), "?": (300, ""),
    }  # fmt: skip
    assert identification_in(b"/KVR5TEST\r") is None


def test_address_that_no_meter_can_have() -> None:
    """An address with marks of the protocol in it is refused before anything is sent."""
    with pytest.raises(ValueError, match="meter address"):
        request_of("1!\r\n\x01W1")
    settings = DeviceSettings(id="main_meter", profile="test/d0", link="head").model_copy(
        update={"meter_address": "a/b"}
    )
    link = Link(SERIAL, open_stream=FakePort(meter()).open, clock=LoopClock())
    with pytest.raises(ConfigError, match="main_meter"):
        D0Source(settings, profile(), link, clock=LoopClock())
