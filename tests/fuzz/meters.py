"""Meters that describe themselves in octets: M-Bus, SML and KMP."""

from collections.abc import Sequence
from contextlib import suppress

from drivers.mbus.records import BadTelegram
from drivers.mbus.telegram import join
from drivers.records.telegram import Telegram
from gateway.sim.sml import encoded_list, entry, number, octets, server_id
from tests.drivers.kmp.frames import register
from tests.drivers.mbus.frames import EXAMPLE, HEADER, long_frame
from tests.fuzz import frames
from tests.fuzz.codec import Codec, Way
from tests.fuzz.frames import ABSENT
from tests.fuzz.hearing import files, runner


def _join(telegrams: Sequence[Telegram]) -> None:
    """Join them as those of one readout are, which only one meter may send."""
    with suppress(BadTelegram):
        if telegrams:
            assert join(telegrams).raw == b"".join(each.raw for each in telegrams)


_MBUS_WORDS = (
    b"\xe5",
    b"\x68",
    b"\x16",
    b"\x0f",
    b"\x1f",
    b"\x2f",
    b"\x0d\xfd\x11",
    b"\x84\x10\x06",
    b"\xfd\x17",
    b"\x02\xff",
    b"\x01\xfb\x08",
    b"\x06\x6d",
    b"\x8d\x0a",
    b"\x7c\x03",
    b"\x0d\xd0",
)


def _mbus() -> Codec:
    example = bytes.fromhex(EXAMPLE)
    heat = bytes.fromhex(
        "78077961 9C2C 0704 01 00 0000 0406 A0860100 0414 E8030000 022D 0F00 025B 4600 025F 2B00 0222 1027 "
        "046D 2D0A D82B 4C06 00000000 0D FD0E 03 414243 01FF2B00 1F"
    )
    fixed = bytes.fromhex("78563412 0A 00 E97E 01000000 35010000")
    return Codec(
        name="mbus",
        run=runner("mbus", _join),
        ways=(
            Way(
                lambda content: long_frame(content[:249]),
                (
                    example[6:-2],
                    b"\x72" + heat,
                    b"\x7a" + HEADER[8:] + heat[12:],
                    b"\x78" + heat[12:],
                    b"\x73" + fixed,
                    b"\x76" + heat,
                    b"\x70\x08",
                    b"\x72"
                    + HEADER
                    + bytes.fromhex("01FDFD0005 02FDFD020600 01FBFC0E05 0413FC0F01000000 01FC024D61130007"),
                    b"\x78" + bytes.fromhex("0413FC0E64000000 0413FC0F64000000 0413FC0100000000 8410130A000000"),
                ),
            ),
            Way(lambda content: b"\xe5\x00\x68\x05\x05\x68" + long_frame(content[:249]), (example[6:-2],)),
            # Two frames of one readout, the first of them a request where its first byte says so.
            Way(
                lambda content: (
                    long_frame(content[1:250], control=content[0] if content else 0x08) + long_frame(content[1:250])
                ),
                (b"\x08" + example[6:-2], b"\x53" + example[6:-2]),
            ),
        ),
        words=_MBUS_WORDS,
        modules=files(
            "mbus",
            "stream",
            "frame",
            "telegram",
            "records",
            "fixed",
            "header",
            "values",
            "dates",
            "vif",
            "vife",
            "vif_extended",
            "layout",
        ),
        hostile=(
            b"\x68\xff\xff\x68" * 20_000,
            b"\xaa" * 2000 + long_frame(b"\x72" + HEADER),
            long_frame(example[6:-2]) + long_frame(example[6:10] + b"\x99" + example[11:-2]),
            long_frame(b"\x72" + HEADER + b"\x0d\x78\xbf" + b"\xff" * 60),
        ),
    )


def _listed(*entries: bytes, own: bytes = frames.SERVER, sensor: bytes = ABSENT, gateway: bytes = ABSENT) -> bytes:
    return encoded_list(ABSENT, own, ABSENT, sensor, encoded_list(*entries), ABSENT, gateway)


def _sml_lists() -> tuple[bytes, ...]:
    """Return value lists of makers with and without peculiarities."""
    scale = {"unit": number(27, 1), "scaler": b"\x52\x00"}
    imported = bytes((1, 0, 1, 8, 0, 255))
    state = number(0x1E2A04, 4)
    energy = entry(imported, number(123456, 8, signed=True), status=state, unit=number(30, 1), scaler=b"\x52\xff")
    edl = entry(imported, number(123456, 8), status=number(0x1A0, 4), unit=number(30, 1))
    power = entry(bytes((1, 0, 16, 7, 0, 255)), number(-500, 2, signed=True), **scale)
    unsigned = entry(bytes((1, 0, 16, 7, 0, 255)), number(500, 2), **scale)
    magnitude = entry(bytes((1, 0, 15, 7, 0, 255)), number(500, 2), **scale)
    name = entry(bytes((129, 129, 199, 130, 3, 255)), octets(b"EMH"))
    serial = entry(bytes((1, 0, 96, 1, 0, 255)), octets(b"1EMH00"))
    time = b"\x72\x62\x01\x65\x00\x00\x10\x00"
    instant = b"\x72\x62\x02\x65\x63\x00\x10\x00"
    local = b"\x72\x62\x03\x73\x65\x63\x00\x10\x00\x53\x00\x3c\x53\x00\x3c"
    emh, dzg, old = (octets(server_id(text)) for text in ("1EMH0012345678", "1DZG0045000000", "1DZG0012345678"))
    return (
        _listed(energy, sensor=time), _listed(power, name), _listed(energy, power, gateway=local),
        _listed(entry(bytes((1, 0, 1, 7, 0, 255)), local)), _listed(serial, name, sensor=instant),
        encoded_list(ABSENT, frames.SERVER, *[ABSENT] * 5), _listed(power, own=dzg), _listed(power, own=old),
        _listed(edl, unsigned, own=emh), _listed(edl, magnitude, own=emh), _listed(energy, magnitude, own=emh),
        _listed(entry(bytes((1, 0, 1, 8, 0, 255)), b"\x42\x01"), own=emh),
        _listed(power, entry(bytes((1, 0, 2, 8, 0, 255)), number(1, 4), unit=number(30, 1)), own=old),
        _listed(edl, entry(bytes((1, 0, 16, 7, 0, 255)), number(0, 2), **scale), own=emh),
        _listed(edl, entry(bytes((1, 0, 16, 7, 0, 255)), octets(b"x"), **scale), own=emh),
        _listed(energy, sensor=b"\x72\x62\x03\x73\x65\x63\x00\x10\x00\x55\x7f\xff\xff\xff\x53\x00\x3c"),
        _listed(energy, sensor=b"\x72\x62\x02\x65\x00\x00\x00\x00", own=octets(b"\x01\xff\x00")),
    )  # fmt: skip


def _sml() -> Codec:
    seeds = _sml_lists()
    return Codec(
        name="sml",
        run=runner("sml"),
        ways=(
            Way(frames.sml_list, seeds),
            Way(lambda content: frames.sml_list(content, kermit=True), seeds[:1]),
            Way(
                frames.sml_frame,
                (
                    frames.sml_message(0, 0x0701, seeds[0]),
                    frames.sml_message(0, 0x0101, encoded_list(*[ABSENT] * 6)),
                    b"\x00\x00\x00\x00",
                ),
            ),
        ),
        words=(
            b"\x1b\x1b\x1b\x1b",
            b"\x01\x01\x01\x01",
            b"\x01",
            b"\x77",
            b"\x72\x62\x02",
            b"\x42\x01",
            b"\x8f\x0f",
            b"\x62\x1e",
            b"\x52\x7f",
            b"\x59" + b"\xff" * 8,
            b"\x00",
            b"\x07\x81\x81\xc7\x82\x03\xff",
            b"\x65",
        ),
        modules=files("sml", "stream", "messages", "telegram", "tl", "transport", "quirks", "identity"),
        hostile=(
            b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01" + b"\x00" * 40_000,
            frames.sml_frame(b"", padding=9),
            frames.sml_frame(b"\x01\x02\x03\x04", padding=2),
            frames.sml_list(b"\x77\x01\x01\x01\x01\xff\x8f\x8f\x8f"),
            frames.sml_list(b"\x77" * 3000),
            frames.sml_frame(b"\xff\x8f\x8f\x0f" + b"\x71" * 2000),
        ),
    )


def _kmp() -> Codec:
    energy = register(60, 0x08, 0x43, b"\x00\x00\x30\x39")
    flow = register(74, 0x29, 0x42, b"\x00\x05")
    day, hour = register(1003, 48, 0, b"\x00\x03\xb2\x19"), register(1002, 47, 0, b"\x00\x01\xe2\x40")
    text = register(112, 54, 0, b"ABC 123 DEF")
    month = register(140, 50, 0, b"\x00\x00\x04\xb5")
    large = register(63, 57, 0xC2, b"\xff" * 8)
    return Codec(
        name="kmp",
        run=runner("kmp"),
        ways=(
            Way(
                frames.kmp,
                (
                    b"\x3f\x10" + energy + flow,
                    b"\x3f\x10" + day + hour,
                    b"\x3f\x10" + text + month + large,
                    b"\x3f\x02\x00\xbc\x61\x4e",
                    b"\x3f\x01\x00\x0b\x07\x01",
                ),
            ),
            Way(
                lambda content: b"\x80\x3f\x10\x01\x00\x3c\x55\xaa\x0d\x06" + frames.kmp(content),
                (b"\x3f\x10" + energy,),
            ),
        ),
        words=(
            b"\x40",
            b"\x80",
            b"\x0d",
            b"\x06",
            b"\x1b",
            b"\x1b\xbf",
            b"\x10",
            b"\x00\x3c",
            b"\x03\xeb",
            b"\x2f",
            b"\x36",
        ),
        modules=files("kmp", "stream", "frame", "registers", "value", "stuffing"),
        hostile=(b"\x40" + b"\x3f" * 40_000, frames.kmp(b"\x3f\x10\x00\x3c\x08\xff\x43" + b"\x01" * 200)),
    )


def meter_codecs() -> Sequence[Codec]:
    """Return the codecs of these protocols."""
    return [_mbus(), _sml(), _kmp()]
