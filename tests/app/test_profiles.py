"""Profiles are listed, searched and shown."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.catalog import Catalog, ProfileFile
from drivers.profile import ModbusProfile
from gateway.app.profiles import load_entries, search
from gateway.app.profiles_show import COLUMNS, Sheet, load_sheet
from gateway.cli.profiles import app
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary

VOCABULARY = load_vocabulary()
FILES = tuple(Catalog(VOCABULARY))
ENTRIES = load_entries()


def ids(text: str) -> list[str]:
    """What a search finds, the best first."""
    return [entry.profile.profile for entry in search(ENTRIES, text).entries]


def test_list_gives_objects_with_ids() -> None:
    """The list is an array of objects, one per profile, for a program to read."""
    result = CliRunner().invoke(app, ["list", "--json"])
    assert result.exit_code == 0
    listed = json.loads(result.stdout)
    assert [each["id"] for each in listed] == [file.id for file in FILES]
    assert listed[0].keys() >= {"id", "maker", "model", "kind", "protocol", "points", "verified"}


def test_list_is_narrowed_by_kind_protocol_and_maker() -> None:
    """Filters hold together; a kind may be written with blanks and a maker in part."""
    found = load_entries(kind="heat meter", protocol="mbus", maker="kamst")
    assert found
    for entry in found:
        assert (entry.profile.kind, entry.profile.protocol, entry.profile.maker) == ("heat_meter", "mbus", "Kamstrup")
    assert len(found) < len(load_entries(kind="heat_meter")) < len(ENTRIES)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "heat_pmup"}, "did you mean heat_pump?"),
        ({"protocol": "bacnet"}, "is not one of d0,"),
        ({"maker": "dafnoss"}, "did you mean Danfoss?"),
    ],
)
def test_list_names_the_nearest_filter(wrong: dict[str, str], message: str) -> None:
    """A filter that fits nothing is a fault that says what was probably meant."""
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        load_entries(kind=wrong.get("kind"), protocol=wrong.get("protocol"), maker=wrong.get("maker"))


def test_own_folder_comes_first(tmp_path: Path) -> None:
    """A profile in a folder of one's own takes the place of the bundled one of the same id."""
    (tmp_path / "eastron").mkdir()
    bundled = next(file for file in FILES if file.id == "eastron/sdm120").path.read_text(encoding="utf-8")
    changed = bundled.replace("model: SDM120-Modbus", "model: SDM120 of the house")
    (tmp_path / "eastron" / "sdm120.yaml").write_text(changed, encoding="utf-8")
    assert next(entry.profile.model for entry in load_entries([tmp_path], maker="eastron")) == "SDM120 of the house"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("sdm630", "eastron/sdm630"),
        ("SDM-630", "eastron/sdm630"),
        ("charx", "phoenix-contact/charx-sec"),
        ("kamstrup multical m-bus", "kamstrup/multical-403"),
    ],
)
def test_search_puts_the_model_first(text: str, first: str) -> None:
    """Words of maker and model find their device, with or without hyphens."""
    assert ids(text)[0] == first


def test_search_needs_every_word() -> None:
    """Each further word narrows the search."""
    assert set(ids("ventilation indoor_co2")) == set(ids("ventilation")) & set(ids("indoor_co2"))
    assert ids("heat pump nibe")
    assert set(ids("heat pump nibe")) <= set(ids("nibe"))


def test_search_reads_points_and_caveats() -> None:
    """A quantity finds the profiles that give it, and a word of a caveat those that warn."""
    giving = {file.id for file in FILES if "indoor_co2" in {point.point for point in file.profile.points}}
    assert giving
    assert set(ids("indoor_co2")) >= giving
    assert "eastron/sdm120" in ids("16384")


def test_search_names_the_nearest_when_nothing_fits() -> None:
    """A misspelt maker still leads to its devices, and the command says by its exit code that nothing fits."""
    hits = search(ENTRIES, "kamstup")
    assert hits.entries == ()
    assert {entry.profile.maker for entry in hits.nearest} == {"Kamstrup"}
    result = CliRunner().invoke(app, ["search", "kamstup"])
    assert result.exit_code == 1
    assert "kamstrup/" in result.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.id)
def test_sheet_holds_everything(file: ProfileFile) -> None:
    """Sources, caveats, setup, every point and every variant of every profile are shown."""
    profile = file.profile
    sheet = Sheet(profile, VOCABULARY)
    said = "\n".join(text for _, text in sheet.head())
    assert all(each.document in said and each.version in said for each in profile.source)
    assert all(text in said for text in (*profile.caveats, *profile.setup))
    rows = sheet.rows()
    varied = [point for each in profile.variants for point in each.points] if isinstance(profile, ModbusProfile) else []
    assert len(rows) == len(profile.points) + len(varied)
    assert all(len(row) == len(COLUMNS) for row in rows)
    assert all(where and how and device and stored for _, where, how, device, stored, _, _ in rows)
    if isinstance(profile, ModbusProfile):
        assert sum(heading == "known by" for heading, _ in sheet.head()) == len(profile.fingerprint)
        assert ("instances" in dict(sheet.head())) == (profile.instances is not None)
        assert all(each.name in said for each in profile.variants)


def test_sheet_says_scale_unit_and_states() -> None:
    """A row of the table says where a number stands, what it is multiplied by, and what its codes mean."""
    rows = {row[0]: row for row in load_sheet("carlo-gavazzi/em340").rows()}
    voltage = ("elec_voltage_l1", "input 0 (0x0000)", "int32", "x 0.1 V", "V", "10s", "no value: 0x7FFFFFFF")
    assert rows["elec_voltage_l1"] == voltage
    tariff = next(row for row in load_sheet("dsmr/p1").rows() if row[0] == "elec_tariff")
    assert tariff[1] == "0-0:96.14.0"
    assert "2 → 2 Tariff 2" in tariff[-1]


def test_show_prints_the_table_and_the_profile() -> None:
    """The command shows a person a table and a program the whole profile."""
    text = CliRunner().invoke(app, ["show", "keba/p30"]).stdout
    assert "nobody yet" in text
    tree = json.loads(CliRunner().invoke(app, ["show", "keba/p30", "--json"]).stdout)
    assert tree["id"] == tree["profile"] == "keba/p30"
    assert len(tree["table"]) == len(tree["points"])
    assert tree["table"][0].keys() == {"point", "where", "type", "device", "stored_as", "interval", "remarks"}


def test_verified_profile_says_by_whom(tmp_path: Path) -> None:
    """Who compared a profile with which firmware is shown."""
    bundled = next(file for file in FILES if file.id == "eastron/sdm120").path.read_text(encoding="utf-8")
    line = 'verified:\n  - {who: A. Person, when: 2026-11-22, firmware: "1.8"}\ncaveats:'
    path = tmp_path / "sdm120.yaml"
    path.write_text(bundled.replace("\ncaveats:", f"\n{line}"), encoding="utf-8")
    assert dict(load_sheet(str(path)).head())["verified"] == "2026-11-22 by A. Person, firmware 1.8"
