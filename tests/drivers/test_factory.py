"""What the app asks before any device is connected: points, missing settings, read plans, scalings."""

from pathlib import Path

import pytest

from drivers.catalog import Catalog, load_sunspec_models, with_registers
from drivers.factory import Metering, create_driver, missing_settings, open_link, points_of, read_plan, scaling
from drivers.modbus.holes import LearntHoles
from drivers.profile import Table
from gateway.core.errors import ConfigError
from gateway.core.site import DeviceSettings
from tests.fakes_meter import RTU, TCP, VOCABULARY, bench, device, modbus
from tests.fakes_stream import FakeMeter, LoopClock, run_virtual, tcp_device

POWER = {"point": "elec_power_active", "address": 10, "type": "int32", "unit": "kW", "scale": 0.001,
         "multiply_by": ["ct_ratio", "vt_ratio"]}  # fmt: skip
IMPORT = {"point": "elec_energy_import", "address": 20, "type": "uint32", "unit": "Wh", "multiply_by": ["ct_ratio"],
          "wrap": 4294967295}  # fmt: skip
VOLTAGE = {"point": "elec_voltage_l1", "address": 0, "type": "float32", "unit": "V"}
STATE = {"point": "ev_state", "address": 30, "type": "string", "count": 1, "unit": "1", "states": {"A1": 0}}
DHW = {"point": "hp_heat_energy_dhw", "unit": "kWh",
       "sum": [{"address": 40, "type": "uint16"}, {"address": 41, "type": "uint16", "scale": 1000}]}  # fmt: skip
FREQUENCY = {"point": "elec_frequency", "address": 50, "type": "uint16", "unit": "Hz"}
OLD = {"name": "old", "when": {"address": 99, "type": "uint16", "equals": [1]}, "without": ["elec_voltage_l1"],
       "points": [{**IMPORT, "scale": 10}, FREQUENCY]}  # fmt: skip
PROFILE = modbus([POWER, IMPORT, VOLTAGE, STATE, DHW], variants=[OLD])


def test_points_are_those_of_the_model_and_its_variants() -> None:
    """Without a choice in the site file all points are read, those of a variant too."""
    assert points_of(PROFILE, device()) == (
        "elec_power_active", "elec_energy_import", "elec_voltage_l1", "ev_state", "hp_heat_energy_dhw",
        "elec_frequency",
    )  # fmt: skip


def test_points_that_the_site_file_chooses() -> None:
    """A choice keeps the profile's order, and a word that is no point of it is an error with the nearest one."""
    chosen = device(points=["ev_state", "elec_power_active"])
    assert points_of(PROFILE, chosen) == ("elec_power_active", "ev_state")
    with pytest.raises(ConfigError, match=r"test/meter has no point 'elec_power_activ'.*elec_power_active"):
        points_of(PROFILE, device(points=["elec_power_activ"]))


def test_points_of_an_inverted_device() -> None:
    """Where the transformers look the other way, the import register is the export."""
    assert points_of(PROFILE, device(invert=True))[1] == "elec_energy_export"
    assert points_of(PROFILE, device(invert=True, points=["elec_energy_export"])) == ("elec_energy_export",)


def test_settings_that_are_missing() -> None:
    """Ratios are demanded for the points that are read, and for no others."""
    assert missing_settings(PROFILE, device()) == ("ct_ratio", "vt_ratio")
    assert missing_settings(PROFILE, device(ct_ratio=20)) == ("vt_ratio",)
    assert missing_settings(PROFILE, device(points=["elec_energy_import"])) == ("ct_ratio",)
    assert missing_settings(PROFILE, device(points=["elec_voltage_l1"])) == ()
    assert missing_settings(PROFILE, device(invert=True, points=["elec_energy_export"])) == ("ct_ratio",)


def test_scaling_says_how_a_stored_value_comes_from_its_register() -> None:
    """Scale, unit, ratios and sign are one factor, and the origin says where the raw number stands."""
    found = scaling(PROFILE, device(ct_ratio="100/5", vt_ratio=100, invert=True), VOCABULARY)
    power = found["elec_power_active"]
    assert (power.unit, power.factor, power.offset) == ("W", -2000.0, 0.0)
    assert power.origin == {"table": "holding", "address": 10, "type": "int32", "word_order": "big"}
    energy = found["elec_energy_export"]
    assert (energy.unit, energy.factor) == ("kWh", 0.02)
    assert energy.origin == {
        "table": "holding", "address": 20, "type": "uint32", "word_order": "big", "wrap": 4294967295,
        "variant old": "(holding 20 uint32) * 0.2",
    }  # fmt: skip
    assert found["elec_voltage_l1"].origin["variant old"] == "not there"
    state = found["ev_state"]
    assert (state.factor, state.origin["count"]) == (1.0, 1)
    assert found["hp_heat_energy_dhw"].origin["sum"] == "holding 40 uint16 * 1 + holding 41 uint16 * 1000"
    assert found["elec_frequency"].origin["address"] == 50


def test_scaling_gives_back_what_is_stored() -> None:
    """For every point of every bundled Modbus profile that is one number, raw * factor + offset is the value."""

    async def main() -> None:
        for file in Catalog(VOCABULARY):
            profile = file.profile
            if profile.protocol != "modbus":
                continue
            settings = device(ct_ratio=20, vt_ratio=1, pulse_weight=0.1, profile=profile.profile)
            found = scaling(profile, settings, VOCABULARY)
            assert set(found) == set(points_of(profile, settings))
            for point, each in found.items():
                assert each.unit == VOCABULARY[point].unit
                assert each.factor != 0
                assert each.origin["address"] in range(65536)

    run_virtual(main())


def test_read_plan_of_every_bundled_profile() -> None:
    """Each bundled profile can be planned on a serial bus and on a socket, within its own limits."""
    for file in Catalog(VOCABULARY):
        if file.profile.protocol not in ("modbus", "sunspec"):
            continue
        profile = with_registers(file)
        settings = device(ct_ratio=20, vt_ratio=1, pulse_weight=0.1, profile=profile.profile)
        names = points_of(profile, settings)
        for link in (RTU, TCP):
            plan = read_plan(settings, profile, link, names)
            planned = {point for block in plan.blocks for point in block.points}
            assert planned <= set(names)
            assert planned >= {point.point for point in profile.points}
            assert plan.duration_s == pytest.approx(sum(block.duration_s for block in plan.blocks))
        assert read_plan(settings, profile, TCP, names).duration_s < read_plan(settings, profile, RTU, names).duration_s


def test_read_plan_knows_learnt_holes() -> None:
    """What was learnt of a device is in its plan."""
    profile = modbus([VOLTAGE, {**VOLTAGE, "point": "elec_voltage_l2", "address": 6}])
    names = points_of(profile, device())
    holes = LearntHoles([(Table.HOLDING, 1, 6)])
    assert len(read_plan(device(), profile, TCP, names).blocks) == 1
    assert len(read_plan(device(), profile, TCP, names, holes=holes).blocks) == 2


def test_driver_without_its_ratio_is_refused() -> None:
    """A driver whose values would mean nothing is not made."""

    async def main() -> None:
        link = open_link(TCP, clock=LoopClock())
        with pytest.raises(ConfigError, match="meter: ct_ratio is missing: the values of test/meter mean nothing"):
            create_driver(device(), PROFILE, link, metering=Metering(LoopClock(), VOCABULARY), holes=LearntHoles())

    run_virtual(main())


@pytest.mark.parametrize(("settings", "unit"), [(device(), 7), (device(unit_id=0), 0), (device(unit_id=1), 1)])
def test_unit_of_the_profile_is_the_default(settings: DeviceSettings, unit: int) -> None:
    """Without a unit id in the site file the factory's own is asked; a unit id of 0 is one as well."""

    async def main() -> None:
        meter = FakeMeter({3: {0: 0x4366, 1: 0x199A}})
        here = bench(modbus([VOLTAGE], link_defaults={"unit_id": 7}), tcp_device({unit: meter}), settings=settings)
        assert await here.values("elec_voltage_l1") == (230.1,)

    run_virtual(main())


def test_sunspec_models_of_a_file_that_is_none(tmp_path: Path) -> None:
    """A damaged table of models is named."""
    path = tmp_path / "models.toml"
    path.write_text("model = 7")
    with pytest.raises(ConfigError, match=r"models\.toml: not a table of SunSpec models"):
        load_sunspec_models(path)
