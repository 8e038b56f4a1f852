"""A dump of a meter's bytes: every good frame decoded, every bad one reported, and no value taken from it."""

import pytest

from drivers.catalog import Catalog
from drivers.profile_records import ObisProfile
from gateway.app.decode import decode_dump
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary
from gateway.sim.p1 import SimulatedP1Meter
from gateway.sim.values import FixedValues
from tests.fakes import FakeClock

IMPORT_KWH, POWER_W = 1234.567, 2345.0
MBUS_FRAME = bytes.fromhex("68 15 15 68 08 05 72 78 56 34 12 2D 2C 01 04 01 00 00 00 0C 06 27 04 00 00 2F 16")


def telegram() -> bytes:
    """Return what a simulated P1 port sends once."""
    profile = Catalog(load_vocabulary()).find("dsmr/p1").profile
    assert isinstance(profile, ObisProfile)
    values = FixedValues({"elec_energy_import": IMPORT_KWH, "elec_power_active": POWER_W})
    meter = SimulatedP1Meter(profile, values, clock=FakeClock(), vocabulary=load_vocabulary())
    return meter.telegram()


def test_records_have_the_vocabularys_names() -> None:
    """A record that is a point of the vocabulary says so, with its tariff; the others say null."""
    (frame,) = decode_dump("p1", telegram())
    entry = frame.as_json()
    assert (entry["ok"], entry["error"]) == (True, None)
    records = entry["records"]
    assert isinstance(records, list)
    by_code = {record["code"]: record for record in records}
    assert by_code["1-0:1.7.0"]["point"] == "elec_power_active"
    assert by_code["1-0:1.7.0"]["value"] == POWER_W / 1000
    assert [by_code[f"1-0:1.8.{tariff}"]["tariff"] for tariff in (1, 2)] == [1, 2]
    assert by_code["1-0:1.8.1"]["value"] + by_code["1-0:1.8.2"]["value"] == pytest.approx(IMPORT_KWH)
    assert by_code["1-0:2.7.0"]["point"] is None
    assert by_code["0-0:96.1.1"]["point"] is None


def test_damaged_frames_are_reported_and_skipped() -> None:
    """Of a stream that begins in the middle, with a bad frame between two good ones, both good ones are decoded."""
    good = telegram()
    bad = good.replace(b"*kWh", b"*kWH", 1)
    frames = [frame.as_json() for frame in decode_dump("p1", good[50:] + good + bad + good)]
    assert [frame["ok"] for frame in frames if frame["ok"] or frame["records"] == []].count(True) == 2
    assert any("CRC" in str(frame["error"]) or "checksum" in str(frame["error"]) for frame in frames)


def test_hexadecimal_dumps() -> None:
    """A dump of hexadecimal digits with any white space is the same as its bytes."""
    text = "\n".join(f"{octet:02X}" for octet in MBUS_FRAME).encode()
    (plain,), (spelt,) = decode_dump("mbus", MBUS_FRAME), decode_dump("mbus", text, is_hex=True)
    assert plain.as_json() == spelt.as_json()


@pytest.mark.parametrize(
    ("dump", "fault"), [(b"68 0G", "b'G' in line 1"), (b"68\n1", "odd number"), (b"\xff", "line 1")]
)
def test_dumps_that_are_not_hexadecimal(dump: bytes, fault: str) -> None:
    """A dump that is not what --hex says is refused with the place."""
    with pytest.raises(ConfigError, match=fault):
        list(decode_dump("mbus", dump, is_hex=True))


@pytest.mark.parametrize(("key", "fault"), [("00", "2 digits"), ("x", "hexadecimal")])
def test_keys_that_are_none(key: str, fault: str) -> None:
    """A key of the wrong length or of other digits is refused."""
    with pytest.raises(ConfigError, match=fault):
        list(decode_dump("mbus", b"", key=key))
