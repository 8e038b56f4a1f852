"""A site file with everything it refers to."""

from pathlib import Path

import pytest

from gateway.app.catalogue import build_catalogue
from gateway.app.configuration import Configuration, load_configuration
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary
from tests.app.site_files import CT_PROFILE, GOOD, write


def loaded(folder: Path, text: str) -> Configuration:
    return load_configuration(write(folder, text), load_vocabulary())


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return str(caught.value).splitlines()


def test_serial_settings_come_from_the_profile(tmp_path: Path) -> None:
    """A link without baud rate takes what its device leaves the factory with."""
    link = loaded(tmp_path, GOOD).links[0]
    assert (link.baudrate, link.parity, link.stop_bits) == (9600, "none", 1)


def test_an_interval_of_the_device_is_never_undercut(tmp_path: Path) -> None:
    """Slow points of a profile stay slow, and a slower device interval holds for all points."""
    configuration = loaded(tmp_path, GOOD)
    charger = next(device for device in configuration.devices if device.settings.id == "charger")
    assert min(group.interval_s for group in charger.groups) == 30.0
    assert charger.unit_id == 255


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ("link: rs485_2", "link: rs485_1", ":6: devices[0].link: there is no link 'rs485_2'; did you mean rs485_1?"),
        ("sdm603", "sdm630", "did you mean eastron/sdm630?"),
        ("id: charger", "id: main_meter", ":7: devices[1].id: main_meter stands twice"),
        ("intervals: {ev_powr: 5s}", "interval: 30s", "has no such point; did you mean ev_power?"),
        ("points: [ev_powr]", "interval: 30s", "did you mean ev_power?"),
        ("tcp: '127.0.0.1:99999'", "tcp: '127.0.0.1:502'", ":4: links[1].tcp"),
        ("ct_rato: 5", "interval: 30s", "unknown key; did you mean ct_ratio?"),
    ],
)
def test_every_fault_names_file_line_and_key(tmp_path: Path, wrong: str, right: str, expected: str) -> None:
    """A fault of any kind is found at its place, with the nearest valid word."""
    text = GOOD.replace(right, wrong) if right != "id: main_meter" else GOOD.replace("id: charger", right)
    assert any("site.yaml" in line and expected in line for line in faults(tmp_path, text)), faults(tmp_path, text)


def test_two_devices_cannot_share_an_address(tmp_path: Path) -> None:
    """The same unit id twice on one bus is refused: both would answer at once."""
    extra = "  - {id: second, profile: eastron/sdm120, link: rs485_1, unit_id: 1}\n"
    assert "unit 1 on rs485_1 is already main_meter" in faults(tmp_path, GOOD + extra)[0]


def test_devices_of_different_baud_rates_need_a_word(tmp_path: Path) -> None:
    """When the devices of a bus leave the factory differently, the installer must say what they were set to."""
    profiles = tmp_path / "profiles" / "test"
    profiles.mkdir(parents=True)
    fast = CT_PROFILE.replace("interval: 10s", "interval: 10s\nlink_defaults: {baudrate: 19200}")
    (profiles / "ct-meter.yaml").write_text(fast, encoding="utf-8")
    text = f"profiles: [profiles]\n{GOOD}"
    extra = "  - {id: second, profile: test/ct-meter, link: rs485_1, unit_id: 2, ct_ratio: 100/5}\n"
    assert (
        "baudrate is not stated, and its devices differ: main_meter 9600, second 19200"
        in faults(tmp_path, text + extra)[0]
    )


def test_a_ratio_that_the_profile_needs_is_demanded(tmp_path: Path) -> None:
    """A meter behind current transformers cannot be read without their ratio; with it, the catalogue knows it."""
    profiles = tmp_path / "profiles" / "test"
    profiles.mkdir(parents=True)
    (profiles / "ct-meter.yaml").write_text(CT_PROFILE, encoding="utf-8")
    text = f"profiles: [profiles]\n{GOOD}  - {{id: big, profile: test/ct-meter, link: cabinet, unit_id: 3}}\n"
    assert "ct_ratio is missing" in faults(tmp_path, text)[0]
    configuration = loaded(tmp_path, text.replace("unit_id: 3", "unit_id: 3, ct_ratio: 100/5"))
    entry = build_catalogue(configuration).devices["big"]
    assert entry.settings["ct_ratio"] == 20.0
    assert entry.points["elec_power_active"].factor == 20.0


def test_the_catalogue_traces_every_point_to_its_register(tmp_path: Path) -> None:
    """Each point that is read stands in the catalogue with unit, factor, address and interval."""
    catalogue = build_catalogue(loaded(tmp_path, GOOD))
    meter = catalogue.devices["main_meter"]
    power = meter.points["elec_power_active"]
    assert (power.unit, power.factor, power.origin["address"]) == ("W", 1.0, 0x34)
    assert meter.maker == "Eastron"
    assert len(meter.profile_digest) == 8
