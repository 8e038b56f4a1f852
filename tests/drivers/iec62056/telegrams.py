"""Telegrams of these tests, and checksums computed by other code than the drivers' own."""

from functools import reduce
from operator import xor

from drivers.records.telegram import Damaged, Telegram


def crc(octets: bytes) -> int:
    """Return the CRC16 of P1, bit by bit."""
    register = 0
    for octet in octets:
        register ^= octet
        for _ in range(8):
            carry = register & 1
            register >>= 1
            if carry:
                register ^= 0xA001
    return register


def p1(text: str, *, end: str = "\r\n") -> bytes:
    """Return a telegram with its CRC, from its lines up to the one before `!`."""
    body = text.strip().replace("\n", end).encode("ascii") + end.encode("ascii") + b"!"
    return body + b"%04X" % crc(body) + end.encode("ascii")


def unchecked(text: str) -> bytes:
    """Return a telegram that ends with `!` alone."""
    return text.strip().replace("\n", "\r\n").encode("ascii") + b"\r\n!\r\n"


def block(text: str) -> bytes:
    """Return STX, the lines, `!`, ETX and the block check."""
    checked = text.strip().replace("\n", "\r\n").encode("ascii") + b"\r\n!\r\n\x03"
    return b"\x02" + checked + bytes([reduce(xor, checked)])


def with_parity(octets: bytes) -> bytes:
    """Return the octets with even parity in their highest bit."""
    return bytes(octet | 0x80 if octet.bit_count() % 2 else octet for octet in octets)


def good(findings: list[Telegram | Damaged]) -> list[Telegram]:
    """Return the telegrams."""
    return [finding for finding in findings if isinstance(finding, Telegram)]


def bad(findings: list[Telegram | Damaged]) -> list[str]:
    """Return the reasons why bytes are none."""
    return [finding.reason for finding in findings if isinstance(finding, Damaged)]


def values(telegram: Telegram) -> dict[str, str]:
    """Return code → value and unit as text; the first of each code counts."""
    said: dict[str, str] = {}
    for record in telegram.records:
        said.setdefault(record.code, f"{record.value} {record.unit}".strip())
    return said


DUTCH_5 = p1(
    """
/ISk5\\2M550T-1012

1-3:0.2.8(50)
0-0:1.0.0(231114134501W)
0-0:96.1.1(4530303434303037303532383730333138)
1-0:1.8.1(004512.250*kWh)
1-0:1.8.2(003100.125*kWh)
1-0:2.8.1(000010.000*kWh)
1-0:2.8.2(000002.500*kWh)
0-0:96.14.0(0002)
1-0:1.7.0(00.000*kW)
1-0:2.7.0(01.250*kW)
0-0:96.7.21(00004)
1-0:99.97.0(2)(0-0:96.7.19)(230103120000W)(0000000240*s)(230706101500S)(0000000301*s)
0-0:96.13.0()
1-0:32.7.0(231.4*V)
1-0:31.7.0(006*A)
1-0:21.7.0(00.000*kW)
1-0:22.7.0(01.250*kW)
0-1:24.1.0(003)
0-1:96.1.0(4730303332353634383637383933313137)
0-1:24.2.1(231114134000W)(01785.123*m3)
"""
)
"""A telegram of our own in the form of DSMR P1 5.0.2: four sums, an event log, a gas meter."""

DUTCH_2 = unchecked(
    """
/ISk5\\2MT382-1003

0-0:96.1.1(5A424556303035303938373635343332)
1-0:1.8.1(00608.400*kWh)
1-0:1.8.2(00490.342*kWh)
1-0:2.8.1(00000.001*kWh)
1-0:2.8.2(00000.000*kWh)
0-0:96.14.0(0001)
1-0:1.7.0(0001.51*kW)
1-0:2.7.0(0000.00*kW)
0-0:17.0.0(0999.00*kW)
0-0:96.3.10(1)
0-0:96.13.1()
0-0:96.13.0()
0-1:24.1.0(3)
0-1:96.1.0(3238313031353431303031353038363132)
0-1:24.3.0(121030140000)(00)(60)(1)(0-1:24.2.1)(m3)
(00947.680)
0-1:24.4.0(1)
"""
)
"""One of our own in the form of P1 2.2: no version, no clock, no CRC, the gas on a line of its own."""

BELGIAN = p1(
    """
/FLU5\\253770234_A

0-0:96.1.4(50217)
0-0:96.1.1(3153414731313030303331323334)
0-0:1.0.0(230705143012S)
1-0:1.8.1(000300.500*kWh)
1-0:1.8.2(000200.250*kWh)
1-0:2.8.1(000012.000*kWh)
1-0:2.8.2(000003.750*kWh)
1-0:1.4.0(02.351*kW)
1-0:1.6.0(230703181500S)(05.902*kW)
0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(230601000000S)(230517201500S)(06.001*kW)(230701000000S)(230612074500S)(04.777*kW)
1-0:1.7.0(00.520*kW)
1-0:2.7.0(00.000*kW)
1-0:31.7.0(002.31*A)
0-1:24.1.0(003)
0-1:96.1.1(37464C4F32313230303930303031)
0-1:24.4.0(1)
0-1:24.2.3(230705142500S)(00112.384*m3)
0-2:24.1.0(007)
0-2:96.1.1(3853455430303030333630363738)
0-2:24.2.1(632525252525W)(00000.000)
"""
)
"""One of our own in the form of e-MUCS P1 1.4: monthly peaks, gas without correction, water that was never read."""

SWEDISH = p1(
    """
/ELL5\\253833635_A

0-0:1.0.0(210217184019W)
1-0:1.8.0(00006678.394*kWh)
1-0:2.8.0(00000000.000*kWh)
1-0:3.8.0(00000021.988*kVArh)
1-0:1.7.0(0001.727*kW)
1-0:2.7.0(0000.000*kW)
1-0:21.7.0(0001.023*kW)
1-0:32.7.0(240.3*V)
1-0:31.7.0(004.2*A)
"""
)
"""One of our own in the form of the Swedish recommendation: totals instead of tariffs, standard time all year."""

OPTICAL = b"/ISk5MT174-0001\r\n" + block(
    """
1-0:0.9.1*255(175813)
1-0:0.9.2*255(1230714)
1-0:0.0.0*255(72819301)
1-0:1.8.0*255(0001234.567*kWh)
1-0:1.8.0*01(0001200.000*kWh)
1-0:2.8.0*255(0000098.700*kWh)
F.F(00000000)
"""
)
"""A readout of mode C, with the value of the month before and summer time in the date."""

PUSHED = unchecked(
    """
/ESY5Q3DA1024 V3.04

1-0:0.0.0*255(1234567890123)
1-0:1.8.0*255(00001013.0368091*kWh)
1-0:1.7.255*255(-00247.37*W)
0-0:96.1.255*255(1ESY1160327685)
"""
)
"""What a meter of mode D sends."""

HEAT = b"/LUGCUH50\r\n" + block(
    """
6.8(0012.345*GJ)6.26(01234.56*m3)9.21(66153690)
6.26*01(01134.50*m3)6.8*01(0011.000*GJ)
9.4(087.0*C&067.0*C)
6.31(0030710*h)
9.36(2023-02-08&15:16:00)
"""
)
"""A heat meter: several data sets in a line, several values in a parenthesis, codes without medium."""
