"""Topics, receipts, catalogues and status messages."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import WireError
from gateway.core.readout import Readout, Status
from gateway.wire.catalogue import (
    MAX_CATALOGUE_BYTES,
    Catalogue,
    CatalogueDevice,
    CataloguePoint,
    catalogue_id,
    decode_catalogue,
    encode_catalogue,
)
from gateway.wire.receipt import MAX_RECEIPT_BYTES, Receipt, decode_receipt, encode_receipt
from gateway.wire.status import encode_birth, encode_live, encode_will, iso_time
from gateway.wire.topics import Topics, every_site, parse_topic

IDS = st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True)
RUN = "9f3c7e21a04b55d0"


@given(site=IDS, device=IDS)
def test_topics_come_back(site: str, device: str) -> None:
    """Every topic of a site names the site and its own leaf."""
    topics = Topics(site)
    leaves = {
        topics.readings: "readings",
        topics.readings_gz: "readings/gz",
        topics.catalogue: "catalogue",
        topics.status: "status",
        topics.receipt: "receipt",
        topics.live(device): f"live/{device}",
    }
    assert {topic: parse_topic(topic) for topic in leaves} == {topic: (site, leaf) for topic, leaf in leaves.items()}


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "kvarter/1/a",
        "kvarter/2/a/readings",
        "kvarter/1/A/readings",
        "kvarter/1//readings",
        "kvarter/1/a/b/readings",
        "kvarter/1/a/readings/",
        "kvarter/1/a/readings/zip",
        "kvarter/1/a/live",
        "kvarter/1/a/live/b/c",
        "kvarter/1/+/readings",
        "kvarter/1/a/readings\n",
        "/kvarter/1/a/readings",
        "homeassistant/status",
    ],
)
def test_foreign_topic_is_none(topic: str) -> None:
    """A topic that is not exactly one of ours has no site and no leaf."""
    assert parse_topic(topic) is None


def test_filters_are_shared_only_on_request() -> None:
    """Several collectors share one subscription only where the group is named."""
    assert every_site("readings") == "kvarter/1/+/readings"
    assert every_site("readings", group="collectors") == "$share/collectors/kvarter/1/+/readings"


@given(first=st.integers(0, 10**17), count=st.integers(0, 10**6), accepts=st.lists(st.text(max_size=16), max_size=8))
def test_receipt_comes_back(first: int, count: int, accepts: list[str]) -> None:
    """Encoded and decoded, a receipt is the same receipt."""
    receipt = Receipt(RUN, first, first + count, tuple(accepts))
    assert decode_receipt(encode_receipt(receipt)) == receipt


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"\xff",
        b"[" * 2000,
        b'{"run":"9f3c7e21a04b55d0","first":1}',
        b'{"run":"9f3c7e21a04b55d0","first":2,"last":1}',
        b'{"run":"9f3c7e21a04b55d0","first":-1,"last":1}',
        b'{"run":"9f3c7e21a04b55d0","first":1.0,"last":1.5}',
        b'{"run":"9f3c7e21a04b55d0","first":"1","last":"1"}',
        b'{"run":"9f3c7e21a04b55d0","first":true,"last":true}',
        b'{"run":"9f3c7e21a04b55d0","first":1,"last":1152921504606846976}',
        b'{"run":"9f3c","first":1,"last":1}',
        b'{"run":"9F3C7E21A04B55D0","first":1,"last":1}',
        b'{"run":"9f3c7e21a04b55d0\\n","first":1,"last":1}',
        b'{"run":"9f3c7e21a04b55d0","first":1,"last":1,"accepts":"gz"}',
        b'{"run":"9f3c7e21a04b55d0","first":1,"last":1' + b" " * MAX_RECEIPT_BYTES + b"}",
    ],
)
def test_message_that_is_no_receipt_is_refused(message: bytes) -> None:
    """Nothing but a receipt can free the spool."""
    with pytest.raises(WireError):
        decode_receipt(message)


def test_receipt_of_a_later_version_is_understood() -> None:
    """A receipt may grow new keys without harm to the gateways that do not know them."""
    message = encode_receipt(Receipt(RUN, 1, 2)).replace(b"}", b',"store":"influx"}')
    assert decode_receipt(message) == Receipt(RUN, 1, 2)


def catalogue(**changes: Any) -> Catalogue:  # noqa: ANN401 - any field of the catalogue
    point = CataloguePoint(unit="kWh", factor=0.001, origin={"table": "input", "address": 72})
    device = CatalogueDevice(
        profile="eastron/sdm630",
        profile_digest="0a1b2c3d",
        maker="Eastron",
        model="SDM630",
        kind="electricity_meter",
        label="Måler",
        interval_ms=10_000,
        settings={"ct_ratio": 20.0},
        points={"elec_energy_import": point},
    )
    return Catalogue(**{"site": "soenderborg-12", "vocabulary": 1, "devices": {"main_meter": device}} | changes)


def test_catalogue_comes_back() -> None:
    """Encoded and decoded, a catalogue is the same catalogue."""
    assert decode_catalogue(encode_catalogue(catalogue())) == catalogue()


def test_catalogue_is_addressed_by_its_content() -> None:
    """Equal catalogues have one id, and any change gives another."""
    message = encode_catalogue(catalogue())
    assert catalogue_id(message) == catalogue_id(encode_catalogue(decode_catalogue(message)))
    assert catalogue_id(message) != catalogue_id(encode_catalogue(catalogue(timezone="Europe/Copenhagen")))
    assert len(catalogue_id(message)) == 8
    assert int(catalogue_id(message), 16) >= 0


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"null",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        encode_catalogue(catalogue())[:-1],
        encode_catalogue(catalogue()).replace(b"soenderborg-12", b"Soenderborg 12"),
        encode_catalogue(catalogue()).replace(b"main_meter", b"main/meter"),
        encode_catalogue(catalogue()).replace(b"elec_energy_import", b"Energy"),
        encode_catalogue(catalogue()).replace(b"0.001", b"NaN"),
        encode_catalogue(catalogue()).replace(b"0.001", b"1e999"),
        encode_catalogue(catalogue()).replace(b"0.001", b'"text"'),
        encode_catalogue(catalogue()) + b" " * MAX_CATALOGUE_BYTES,
    ],
)
def test_message_that_is_no_catalogue_is_refused(message: bytes) -> None:
    """A catalogue is taken whole and right, or not at all."""
    with pytest.raises(WireError):
        decode_catalogue(message)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_wire_error(message: bytes) -> None:
    """No message raises anything but WireError."""
    with pytest.raises(WireError):
        decode_receipt(message)
    with pytest.raises(WireError):
        decode_catalogue(message)


def test_birth_and_will_tell_online_from_offline() -> None:
    """The retained status says whether the gateway is there, which run it is and what went wrong."""
    birth = json.loads(encode_birth(run=RUN, version="0.1.0", catalogue="5f0c9a1e", counters={"dropped": 2}))
    assert birth == {
        "state": "online", "run": RUN, "version": "0.1.0", "catalogue": "5f0c9a1e", "counters": {"dropped": 2},
    }  # fmt: skip
    assert json.loads(encode_will(RUN)) == {"state": "offline", "run": RUN}


def test_live_values_are_plain_json() -> None:
    """Live values are strict JSON: no NaN, null where there is no value, time in UTC with Z."""
    points = ("elec_power_active", "elec_frequency", "hp_operating_mode")
    readout = Readout("main_meter", 1.0, points, (230.1, float("nan"), None), Status.PARTIAL, frozenset(points[:1]))
    live = json.loads(encode_live(readout, 1_795_320_300_061), parse_constant=pytest.fail)
    assert live == {
        "time": "2026-11-22T04:05:00.061Z",
        "status": 1,
        "values": {"elec_power_active": 230.1, "elec_frequency": None, "hp_operating_mode": None},
        "suspect": ["elec_power_active"],
    }


def test_live_values_wait_for_the_clock() -> None:
    """Until the clock is known, live values have no time and say so."""
    live = json.loads(encode_live(Readout("a", 1.0, ("elec_frequency",), (50.0,), Status.OK), None))
    assert live == {"time": None, "status": 0, "values": {"elec_frequency": 50.0}}


@given(st.integers(0, 4_102_444_800_000))
def test_iso_time_keeps_the_millisecond(time_ms: int) -> None:
    """A time is written in UTC to the millisecond, always in the same 24 characters."""
    text = iso_time(time_ms)
    assert len(text) == 24
    assert round(datetime.fromisoformat(text).timestamp() * 1000) == time_ms
