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
    displayed = (
        b"/ABC5X\r\n\r\n6.8(1*kWh)\r\n6.8(1*kWh)\r\nQQ.1(2)\r\n!",
        b"/ABC5X\r\n\r\n0.9.1(12:34:56)\r\n0.9.2(1230208)\r\n6.8(1*kWh)\r\n!",
        b"/ABC5X\r\n\r\n0.9.1(123456)\r\n0.9.2(23-02-08)\r\n1.8.1(1*kWh)\r\n!",
        b"/ABC5X\r\n\r\n9.36(23-02-08&12:34:56)\r\n6.26(1*m3)\r\n!",
        b"/ABC5X\r\n\r\n0.9.1(x)\r\n0.9.2(y)\r\nC.1(1)\r\n-(1)\r\n0-0:C.1(2)\r\n1-0:QQ.1(2)\r\n!",
        b"/ABC5X\r\n\r\n0-1:24.3.0(121030140000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00947.680)\r\n!",
        b"/ABC5X\r\n\r\n0-1:24.3.0(121030140000)(00)(60)(2)(0-1:24.2.1)(m3)(99-999:9.9.9)(m3)(1)(2)\r\n!",
        b"/ABC5X\r\n\r\n0-1:24.3.0(121030140000)(02)(60)(1)(0-1:24.2.1)(m3)(1)\r\n!",
    )
    old = tuple(_short(iec.DUTCH_2, part) + b"\r\n" for part in (slice(0, 3), slice(11, 17)))
    return Codec(
        name="p1",
        run=runner("p1"),
        ways=(Way(frames.p1, (*whole, *displayed)), Way(same, old)),
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
            b"/KVR5X\r\n\r\n" + b"1-0:1.8.0(" + b"9" * 80_000,
            b"9" * 80_000 + b"/KVR5X\r\n" + b"9" * 80_000,
            b"/KVR5X\r\n" * 30_000,
            frames.p1(b"/KVR5X\r\n\r\n0-0:99.97.0(999999999)(0-0:96.7.19)(230103120000W)(1*s)\r\n!"),
        ),
    )


def _d0() -> Codec:
    optical, heat = iec.OPTICAL[:-2], iec.HEAT[:-2]
    tables = (
        b"/ABC5X\r\n\x021-0:99.97.0(2)(0-0:96.7.19)(230103120000W)(240*s)(230706101500S)(301*s)\r\n!\r\n",
        b"/ABC5X\r\n\x020-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(230601000000S)(230517201500S)(06.001*kW)\r\n!\r\n",
        b"/ABC5X\r\n\x020-1:24.3.0(121030140000)(08)(60)(1)(0-1:24.2.1)(m3)(947.680)(948)\r\n!\r\n",
        b"/ABC5X\r\n\x020-1:24.3.0(121030140000)(02)(60)(1)(0-1:24.2.1)(m3)(947.680)\r\n!\r\n",
        b"/ABC5X\r\n\x020-1:24.3.0(121030140000)(00)(60)(2)(0-1:24.2.1)(m3)(99-999:9.9.9)(m3)(1)(2)\r\n!\r\n",
        b"/ABC5X\r\n\x020-0:1.0.0(210217184019W)\r\n0-1:24.2.1(210217184019W)(1.5*m3)\r\n1-0:1.6.0(02.351*kW)(210217184019)\r\n!\r\n",
        b"/ABC5X\r\n\x020-2:24.2.1(632525252525W)(0.0*m3)\r\n0-2:24.2.1(700101000000W)(0.0*m3)\r\n!\r\n",
        b"/ABC5X\r\n\x020-0:96.1.1(4530303434303037)\r\n0-0:96.13.0(0001)\r\n1.8.1(1*kWh)\r\n1-0:QQ.1(2)\r\n!\r\n",
        b"/ABC5X\r\n\x02Q.1(1)\r\n1.8.1(1*kWh)\r\n0.9.1(123456)\r\n0.9.2(1230208)\r\n!\r\n",
    )
    return Codec(
        name="d0",
        run=runner("d0"),
        ways=(
            Way(frames.block, (optical, heat, *tables, b"\x02ERROR 23", b"/ABC5X\r\n\x02F.F(00)\r\n!\r\n")),
            Way(
                same,
                (
                    iec.PUSHED,
                    iec.with_parity(iec.OPTICAL),
                    b"/ABC5X\r\n\r\n6.8(1*kWh)\r\n6.8(1*kWh)\r\n!\r\n",
                    b"/ABC5X\r\n\r\n6.8(1*kWh)\r\nQ.1(2)\r\n!\r\n",
                ),
            ),
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
        hostile=(b"\x02" + b"1.8.0(" + b"9" * 80_000, b"9" * 150_000, b"\x02" * 40_000, b"/ABC5X\r\n" * 30_000),
    )


def text_codecs() -> Sequence[Codec]:
    """Return the codecs of meters that write lines."""
    return [_p1(), _d0()]
