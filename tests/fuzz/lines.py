"""Meters that write lines: P1 and IEC 62056-21."""

from collections.abc import Sequence

from tests.drivers.iec62056 import telegrams as iec
from tests.fuzz import frames
from tests.fuzz.codec import Codec, Way, same
from tests.fuzz.hearing import files, runner


def _short(telegram: bytes, lines: slice) -> bytes:
    """Return the telegram with some of its lines only, up to its end mark."""
    first, *rest = telegram.split(b"\r\n")
    end = next(index for index, line in enumerate(rest) if line.startswith(b"!"))
    return b"\r\n".join([first, b"", *rest[1:end][lines], b"!"])


_IEC = ("frames", "identity", "lines", "sets", "times", "units", "values", "checksum", "unchecked")


def _p1() -> Codec:
    whole = tuple(
        _short(each, part)
        for each, part in (
            (iec.DUTCH_5, slice(0, 5)),
            (iec.DUTCH_5, slice(11, 14)),
            (iec.BELGIAN, slice(2, 5)),
            (iec.BELGIAN, slice(9, 10)),
            (iec.BELGIAN, slice(13, 22)),
            (iec.SWEDISH, slice(0, 5)),
        )
    )
    old = tuple(_short(iec.DUTCH_2, part) + b"\r\n" for part in (slice(0, 3), slice(11, 17)))
    return Codec(
        name="p1",
        run=runner("p1"),
        ways=(Way(frames.p1, whole), Way(same, old)),
        words=(
            b"(",
            b")",
            b"*",
            b"\r\n",
            b"!",
            b"/",
            b"&",
            b"(999999999999W)",
            b"(1)(0-0:96.7.19)",
            b"\xff",
            b"*kWh",
            b"1-0:1.8.0",
            b"-",
            b".",
            b"(63252525W)",
            b"0-1:24.3.0(",
            b"*m3)",
        ),
        modules=files("iec62056", "p1", *_IEC),
        hostile=(
            b"/KVR5X\r\n\r\n" + b"1-0:1.8.0(" + b"9" * 40_000,
            b"/KVR5X\r\n" * 30_000,
            frames.p1(b"/KVR5X\r\n\r\n0-0:99.97.0(999999999)(0-0:96.7.19)(230103120000W)(1*s)\r\n!"),
        ),
    )


def _d0() -> Codec:
    optical, heat = iec.OPTICAL[:-2], iec.HEAT[:-2]
    return Codec(
        name="d0",
        run=runner("d0"),
        ways=(
            Way(frames.block, (optical, heat, b"\x02ERROR 23", b"/ABC5X\r\n\x02F.F(00)\r\n!\r\n")),
            Way(same, (iec.PUSHED, iec.with_parity(iec.OPTICAL))),
        ),
        words=(
            b"(",
            b")",
            b"*",
            b"\r\n!\r\n",
            b"!",
            b"/",
            b"\x02",
            b"\x03",
            b"&",
            b"6.8*01",
            b"(23-02-08)",
            b"\x06050\r\n",
            b"9.36(",
            b"0.9.1(",
            b"0.9.2(",
            b"*kWh",
            b"-",
        ),
        modules=files("iec62056", "d0", *_IEC),
        hostile=(b"\x02" + b"1.8.0(" + b"9" * 40_000, b"\x02" * 40_000, b"/ABC5X\r\n" * 30_000),
    )


def text_codecs() -> Sequence[Codec]:
    """Return the codecs of meters that write lines."""
    return [_p1(), _d0()]
