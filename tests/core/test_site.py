"""The schemas of the site file and the collector file: what they take, fill in and refuse."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.core.collection import Collection, EmbeddedStoreSettings, InfluxStoreSettings
from gateway.core.site import BrokerSettings, DeviceSettings, LinkSettings, Site

SITE: dict[str, Any] = {
    "site": "soenderborg-12",
    "links": [{"id": "rs485_1", "serial": "/dev/ttyUSB0"}],
    "devices": [{"id": "main_meter", "profile": "eastron/sdm630", "link": "rs485_1"}],
}
BROKER = {"url": "mqtts://broker.example:8883"}


def test_smallest_site_is_complete() -> None:
    """A site needs an id, a link and a device; everything else has a default that is safe."""
    site = Site.model_validate(SITE)
    assert (site.timezone, site.clock, site.delivery) == ("UTC", "service", "receipt")
    assert site.broker is None
    assert site.devices[0].unit_id is None
    assert site.store.raw_retention == 400 * 86400


@pytest.mark.parametrize("key", ["site", "links", "devices"])
def test_what_a_site_cannot_do_without_is_required(key: str) -> None:
    """Each of the three keys that a site consists of must be written."""
    with pytest.raises(ValidationError, match="Field required"):
        Site.model_validate({name: value for name, value in SITE.items() if name != key})


def test_site_cannot_be_changed_after_it_was_read() -> None:
    """What was checked stays as it was checked."""
    site = Site.model_validate(SITE)
    with pytest.raises(ValidationError, match="frozen"):
        site.site = "another"  # type: ignore[misc]


@pytest.mark.parametrize("zone", ["Europe/Copenhagen", "Europe/Tallinn", "Europe/Madrid", "UTC"])
def test_time_zone_is_an_iana_name(zone: str) -> None:
    """The names of the IANA database are known on every machine."""
    assert Site.model_validate({**SITE, "timezone": zone}).timezone == zone


@pytest.mark.parametrize("zone", ["Copenhagen", "CET+1", "", "../etc/localtime"])
def test_unknown_time_zone_is_refused(zone: str) -> None:
    """A zone that is not in the IANA database is refused with an example."""
    with pytest.raises(ValidationError, match="for example Europe/Copenhagen"):
        Site.model_validate({**SITE, "timezone": zone})


@pytest.mark.parametrize(
    ("fields", "framing", "port"),
    [
        ({"serial": "/dev/ttyUSB0"}, "rtu", "/dev/ttyUSB0"),
        ({"serial": "/dev/ttyUSB0", "framing": "ascii"}, "ascii", "/dev/ttyUSB0"),
        ({"tcp": "10.0.0.5:502"}, "tcp", "10.0.0.5:502"),
        ({"tcp": "10.0.0.5:502", "framing": "rtu"}, "rtu", "10.0.0.5:502"),
        ({"udp": "10.0.0.5:502"}, "tcp", "10.0.0.5:502"),
    ],
)
def test_framing_follows_the_port(fields: dict[str, str], framing: str, port: str) -> None:
    """A serial link speaks RTU and a socket Modbus TCP where the file does not say otherwise."""
    link = LinkSettings.model_validate({"id": "a", **fields})
    assert (link.modbus_framing, link.port) == (framing, port)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "exactly one of serial, tcp and udp; 0 given"),
        ({"serial": "/dev/ttyUSB0", "tcp": "10.0.0.5:502"}, "exactly one of serial, tcp and udp; 2 given"),
        ({"tcp": "10.0.0.5:502", "baudrate": 9600}, "belong to a serial link"),
        ({"tcp": "10.0.0.5:502", "parity": "none"}, "belong to a serial link"),
        ({"serial": "/dev/ttyUSB0", "framing": "tcp"}, "framing tcp needs a socket"),
        ({"serial": ""}, "at least 1 character"),
        ({"serial": "/dev/ttyUSB0", "baudrate": 50}, "greater than or equal to 300"),
        ({"serial": "/dev/ttyUSB0", "stop_bits": 3}, "Input should be 1 or 2"),
    ],
)
def test_link_that_cannot_be_opened_is_refused(fields: dict[str, Any], message: str) -> None:
    """A link is one port with settings that belong to it."""
    with pytest.raises(ValidationError, match=message):
        LinkSettings.model_validate({"id": "a", **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"client_certificate": "credential:cert"}, "go together"),
        ({"client_key": "credential:key"}, "go together"),
        ({"password": "credential:password"}, "password needs username"),
    ],
)
def test_half_of_a_pair_is_refused(fields: dict[str, str], message: str) -> None:
    """A certificate without its key and a password without its user are faults of the file, not of the broker."""
    with pytest.raises(ValidationError, match=message):
        BrokerSettings.model_validate({**BROKER, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"unit_id": 256},
        {"unit_id": -1},
        {"interval": "0s"},
        {"intervals": {"elec_power_active": "0s"}},
        {"points": []},
        {"ct_ratio": 0},
        {"pulse_weight": 0},
        {"instance": 0},
        {"role": "main"},
        {"serial_number": 12345},
    ],
)
def test_device_setting_that_cannot_be_meant_is_refused(fields: dict[str, Any]) -> None:
    """A setting that could never give a right value is refused when the file is read."""
    with pytest.raises(ValidationError):
        DeviceSettings.model_validate({**SITE["devices"][0], **fields})


def test_device_settings_are_read_in_their_units() -> None:
    """Durations become seconds and a ratio becomes one number."""
    device = DeviceSettings.model_validate(
        {**SITE["devices"][0], "interval": "5s", "intervals": {"elec_energy_import": "1min"}, "ct_ratio": "100/5"}
    )
    assert (device.interval, device.intervals, device.ct_ratio) == (5.0, {"elec_energy_import": 60.0}, 20.0)


def test_collector_stores_are_told_apart_by_kind() -> None:
    """Each entry of `stores` is read by the schema that its `kind` names."""
    collection = Collection.model_validate(
        {
            "broker": BROKER,
            "sites": ["soenderborg-*"],
            "stores": [
                {"kind": "embedded", "path": "/var/lib/kvarter/store"},
                {"kind": "influx", "url": "https://influx.example", "bucket": "readings"},
            ],
        }
    )
    assert [type(store) for store in collection.stores] == [EmbeddedStoreSettings, InfluxStoreSettings]


@pytest.mark.parametrize(
    "fields", [{"stores": []}, {"sites": []}, {"sites": ["Site 1"]}, {"group": "a/b"}, {"stores": [{"kind": "files"}]}]
)
def test_collector_without_sites_or_stores_is_refused(fields: dict[str, Any]) -> None:
    """A collector that would receive nothing or keep nothing does not start."""
    collection = {"broker": BROKER, "sites": ["*"], "stores": [{"kind": "embedded", "path": "store"}]}
    with pytest.raises(ValidationError):
        Collection.model_validate({**collection, **fields})
