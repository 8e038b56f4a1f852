"""Faults of real files against the real schemas: file, line, key, what is wrong and the nearest valid word."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from drivers.profile import ModbusProfile, SunspecProfile
from gateway.core.collection import Collection
from gateway.core.errors import ConfigError
from gateway.core.site import Site
from gateway.document.tree import parse_document
from gateway.document.validation import MAX_FAULTS, fault, load, validate
from gateway.document.wording import nearest, shown

SITE = """\
site: soenderborg-12
name: Kløvermarken 12
timezone: Europe/Copenhagen
links:
  - {id: rs485_1, serial: /dev/ttyUSB0, baudrate: 9600, parity: none}
  - id: cabinet
    tcp: 192.168.1.40:502
devices:
  - id: main_meter
    profile: eastron/sdm630
    link: rs485_1
    unit_id: 1
    role: grid
    ct_ratio: 100/5
    intervals:
      elec_energy_import: 1min
broker:
  url: mqtts://broker.example:8883
"""

COLLECTION = """\
broker: {url: mqtt://localhost:1883}
sites: ["soenderborg-*"]
stores:
  - {kind: embedded, path: /var/lib/kvarter/store}
  - kind: influx
    url: https://influx.example
    bucket: readings
"""

PROFILE = """\
profile: acme/meter
maker: Acme
model: Meter 1
kind: electricity_meter
source: [{document: Meter 1 manual, version: "1"}]
protocol: modbus
modbus: {table: input, word_order: big, holes: [[10, 12]]}
interval: 10s
points:
  - {point: elec_voltage_l1, address: 0, type: float32, unit: V}
  - {point: hp_operating_mode, address: 2, type: uint16, unit: "1", states: {0: 1, 7: 2}}
tests:
  - {registers: {0: [0x4366, 0x199A]}, expect: {elec_voltage_l1: 230.1}}
"""


def faults(text: str, schema: type[BaseModel]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        validate(parse_document(text, name="site.yaml"), schema)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("text", "schema"), [(SITE, Site), (COLLECTION, Collection), (PROFILE, ModbusProfile)])
def test_right_file_is_taken(text: str, schema: type[BaseModel]) -> None:
    """The files that the other tests break are right as they stand."""
    assert isinstance(validate(parse_document(text, name="site.yaml"), schema), schema)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("site: soenderborg-12", "sitte: soenderborg-12", "1: sitte: unknown key; did you mean site?"),
        ("site: soenderborg-12", "# nothing", "2: site: is required here and is missing"),
        ("name: K", "Name: K", "2: Name: unknown key; did you mean name?"),
        (
            "timezone: Europe/Copenhagen",
            "timezone: Copenhagen",
            "3: timezone: 'Copenhagen' is not an IANA time zone, for",
        ),
        (
            "parity: none",
            "parity: nome",
            "5: links[0].parity: 'nome' is not one of none, even, odd; did you mean none?",
        ),
        (
            "parity: none",
            "parity: NONE",
            "5: links[0].parity: 'NONE' is not one of none, even, odd; did you mean none?",
        ),
        ("parity: none", "partiy: none", "5: links[0].partiy: unknown key; did you mean parity?"),
        ("baudrate: 9600", "baudrate: fast", "5: links[0].baudrate: a whole number is needed here, not 'fast'"),
        ("baudrate: 9600", "baudrate: 9600.5", "5: links[0].baudrate: a whole number is needed here, not 9600.5"),
        ("baudrate: 9600", "baudrate: 96", "5: links[0].baudrate: must be at least 300, not 96"),
        ("baudrate: 9600", "baudrate: true", "5: links[0].baudrate: must be at least 300, not true"),
        ("baudrate: 9600", "stop_bits: '1'", "5: links[0].stop_bits: '1' is not one of 1, 2; write it without quotes"),
        ("    tcp: 192.168.1.40:502\n", "", "6: links[1]: a link has exactly one of serial, tcp and udp; 0 given"),
        (
            "tcp: 192.168.1.40:502",
            "tcp: 192.168.1.40",
            "7: links[1].tcp: '192.168.1.40' is not an address: write HOST:PORT",
        ),
        (
            "tcp: 192.168.1.40:502",
            "zzz: 1",
            "7: links[1].zzz: unknown key; known here: baudrate, data_bits, framing, id,",
        ),
        (
            "id: main_meter",
            "id: Main meter",
            "9: devices[0].id: 'Main meter' is not an id: write 1 to 64 of a-z, 0-9, _",
        ),
        ("id: main_meter", "id: 5", "9: devices[0].id: text is needed here, not 5; write it in quotes"),
        ("id: main_meter", "id:", "9: devices[0].id: text is needed here, not nothing"),
        ("unit_id: 1", "unit_id: 256", "12: devices[0].unit_id: must be at most 255, not 256"),
        ("unit_id: 1", "unit_id: true", "12: devices[0].unit_id: a number is needed here, not true"),
        ("unit_id: 1", "unit_id: [1]", "12: devices[0].unit_id: a whole number is needed here, not a list"),
        ("unit_id: 1", "invert: maybe", "12: devices[0].invert: true or false is needed here, not 'maybe'"),
        ("unit_id: 1", "interval: 10", "12: devices[0].interval: 10 has no unit: write for example 10s"),
        ("unit_id: 1", "interval: 0s", "12: devices[0].interval: must be above 0, not '0s'"),
        ("role: grid", "role: gird", "13: devices[0].role: 'gird' is not one of grid, sub, pv, "),
        ("role: grid", "points: elec_power", "13: devices[0].points: a list is needed here, not 'elec_power'"),
        ("role: grid", "points: []", "13: devices[0].points: needs 1 or more entries, not 0"),
        (
            "ct_ratio: 100/5",
            "ct_ratio: 100:5",
            "14: devices[0].ct_ratio: '100:5' is not a ratio: write primary/secondary",
        ),
        ("ct_ratio: 100/5", "pulse_weight: inf", "14: devices[0].pulse_weight: a number is needed here, not 'inf'"),
        (
            "elec_energy_import: 1min",
            "elec_energy_import: x",
            "16: devices[0].intervals.elec_energy_import: 'x' is not a",
        ),
        ("elec_energy_import: 1min", "5: 1min", "16: devices[0].intervals[5]: the key: text is needed here, not 5"),
        (
            "mqtts://broker.example:8883",
            "broker.example",
            "18: broker.url: this is not a broker: write mqtts://HOST:PORT",
        ),
        ("mqtts://broker.example:8883", "5", "18: broker.url: text is needed here, not 5; write it in quotes"),
        (
            "  url: mqtts",
            "  protocol: 5\n  url: mqtts",
            "18: broker.protocol: 5 is not one of 3.1.1, 5; write it in quotes",
        ),
        ("broker:\n  url", "broker: x\nx:\n  url", "17: broker: a mapping is needed here, not 'x'"),
        ("devices:", "devices: {a: 1}\nx:", "8: devices: a list is needed here, not a mapping"),
    ],
)
def test_fault_of_a_site_is_named(old: str, new: str, message: str) -> None:
    """Each kind of fault names its line, its key, what is wrong and what would be right."""
    text = SITE.replace(old, new)
    assert text != SITE
    found = faults(text, Site)
    assert any(line.startswith(f"site.yaml:{message}") for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "kind: influx\n",
            "kind: influxx\n",
            "5: stores[1].kind: 'influxx' is not one of embedded, influx, influx1, victoria",
        ),
        ("kind: influx\n", "kind: 1\n", "5: stores[1].kind: 1 is not one of embedded, influx, influx1, victoria"),
        (
            "- kind: influx\n    url",
            "- url",
            "5: stores[1].kind: is required here and is missing; one of embedded, influx, influx1, victoria",
        ),
        ("bucket: readings", "bukket: readings", "7: stores[1].bukket: unknown key; did you mean bucket?"),
        ("bucket: readings", "database: readings", "5: stores[1].bucket: is required here and is missing"),
        (
            "bucket: readings",
            "zzz: 1",
            "7: stores[1].zzz: unknown key; known here: bucket, kind, organisation, token, url",
        ),
        (
            "url: https://influx.example",
            "url: influx.example",
            "6: stores[1].url: this is not a store: write https://HOST",
        ),
        ("path: /var/lib/kvarter/store", "path: 5", "4: stores[0].path: text is needed here, not 5"),
        (
            "  - {kind: embedded, path: /var/lib/kvarter/store}\n",
            "  - embedded\n",
            "4: stores[0]: a mapping is needed here",
        ),
        ('sites: ["soenderborg-*"]', "sites: []", "2: sites: needs 1 or more entries, not 0"),
        ('sites: ["soenderborg-*"]', "sites: [A*]", "2: sites[0]: 'A*' is not a site id or a pattern of ids"),
    ],
)
def test_fault_of_a_store_is_named_without_its_union(old: str, new: str, message: str) -> None:
    """A place within one of several kinds of store reads as it stands in the file."""
    text = COLLECTION.replace(old, new)
    assert text != COLLECTION
    found = faults(text, Collection)
    assert any(line.startswith(f"site.yaml:{message}") for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type: float32", "type: float23", "10: points[0].type: 'float23' is not one of bit, uint16, "),
        (
            "table: input",
            "table: inpt",
            "7: modbus.table: 'inpt' is not one of coil, discrete, holding, input; did you",
        ),
        ("[[10, 12]]", "[[10]]", "7: modbus.holes[0][1]: is required here and is missing"),
        ("[[10, 12]]", "[[10, 11, 12]]", "7: modbus.holes[0]: takes at most 2 entries, not 3"),
        ("[[10, 12]]", "[[10, 70000]]", "7: modbus.holes[0][1]: must be at most 65535, not 70000"),
        ("{0: 1, 7: 2}", "{0: x, 7: 2}", "11: points[1].states[0]: a whole number is needed here, not 'x'"),
        ("{0: 1, 7: 2}", "[0, 7]", "11: points[1].states: a mapping is needed here, not a list"),
        ("unit: V}", "unit: V, scale: nan}", "10: points[0].scale: a number is needed here, not 'nan'"),
        ("unit: V}", "unit: V, limits: [a, 5]}", "10: points[0].limits[0]: a number is needed here, not 'a'"),
        ("address: 0, ", "", "10: points[0]: a point needs address and type"),
        (
            "{registers: {0:",
            "{registers: {70000:",
            "13: tests[0].registers[70000]: the key: must be at most 65535, not 70000",
        ),
        ("expect: {elec_voltage_l1: 230.1}", "expect: {}", "13: tests[0].expect: needs 1 or more entries, not 0"),
        ("230.1}", "text}", "13: tests[0].expect.elec_voltage_l1: a number is needed here, not 'text'"),
        ("interval: 10s", "intervall: 10s", "8: intervall: unknown key; did you mean interval?"),
        (
            "interval: 10s",
            "variants: [{when: {address: 1, type: uint16}}]",
            "8: variants[0].when: give either equals or",
        ),
    ],
)
def test_fault_of_a_profile_is_named(old: str, new: str, message: str) -> None:
    """Places in nested lists, number keys and alternatives read as they stand in the file."""
    text = PROFILE.replace(old, new, 1)
    assert text != PROFILE
    found = faults(text, ModbusProfile)
    assert any(line.startswith(f"site.yaml:{message}") for line in found), found


def test_several_faults_are_all_named_by_line() -> None:
    """One look at the message is enough to mend the whole file."""
    text = (
        SITE.replace("parity: none", "parity: nome").replace("unit_id: 1", "unit_id: 999").replace("name: K", "nam: K")
    )
    assert [line.partition(":")[2].partition(":")[0] for line in faults(text, Site)] == ["2", "5", "12"]


def test_more_faults_than_anybody_mends_at_once_are_counted() -> None:
    """A file that is not meant for this schema at all gives a page, not a book."""
    found = faults("a1: 1\n" + "".join(f"key{number}: 1\n" for number in range(500)), Site)
    assert len(found) == MAX_FAULTS + 1
    assert found[-1] == f"site.yaml: and {501 + 3 - MAX_FAULTS} more"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "site.yaml:1: the file is empty"),
        ("# only a comment\n", "site.yaml:1: the file is empty"),
        ("5\n", "site.yaml:1: a mapping is needed here, not 5"),
        ("- 5\n", "site.yaml:1: a mapping is needed here, not a list"),
    ],
)
def test_file_that_is_no_mapping_is_named(text: str, message: str) -> None:
    """A file without any key of ours is said to be so."""
    assert faults(text, Site) == [message]


@pytest.mark.parametrize("key", ["password", "client_key"])
def test_secret_in_the_file_is_not_shown(key: str) -> None:
    """A secret written where its place should be named appears in no part of the error."""
    text = SITE + f"  username: me\n  {key}: hunter2\n"
    with pytest.raises(ConfigError) as caught:
        validate(parse_document(text, name="site.yaml"), Site)
    assert f"broker.{key}: this is not a credential" in str(caught.value)
    assert "hunter2" not in str(caught.value) + repr(caught.value.__cause__)


def test_long_and_odd_words_are_shortened() -> None:
    """A message stays one short line whatever the file holds."""
    found = faults(f"{'x' * 500}: 1\n'a b\\n': 2\n" + f"site: {'y' * 5000}\n", Site)
    assert all(len(line) < 400 for line in found)
    assert any("unknown key" in line for line in found)


def test_file_is_loaded_with_its_path_in_faults(tmp_path: Path) -> None:
    """`load` names the file as the caller did."""
    path = tmp_path / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    assert load(path, Site).site == "soenderborg-12"
    path.write_text(SITE.replace("unit_id: 1", "unit_id: x"), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"^{path}:12: devices\[0\].unit_id: "):
        load(path, Site)


def test_fault_beyond_the_schema_has_the_same_form() -> None:
    """Checks that compare parts of a file name file, line and key like the schema does."""
    document = parse_document(SITE, name="site.yaml")
    assert str(fault(document, ("devices", 0, "link"), "no such link")) == "site.yaml:11: devices[0].link: no such link"
    assert str(fault(document, (), "nothing to read")) == "site.yaml:1: nothing to read"


def test_nearest_word_is_found_in_any_case() -> None:
    """The hint is the most similar word, and there is none where nothing is similar."""
    assert nearest("Eastron/SDM63", ["eastron/sdm630", "abb/b23"]) == "; did you mean eastron/sdm630?"
    assert nearest("xyz", ["eastron/sdm630", "abb/b23"]) == ""


def test_values_are_shown_as_they_are_written() -> None:
    """A value in a message looks as it does in the file."""
    assert [shown(value) for value in (None, True, False, 5, 1.5, "a", [1], {"a": 1})] == [
        "nothing", "true", "false", "5", "1.5", "'a'", "a list", "a mapping",
    ]  # fmt: skip


WORDS = st.sampled_from(
    [
        "site",
        "links",
        "devices",
        "broker",
        "stores",
        "points",
        "tests",
        "kind",
        "url",
        "id",
        "modbus",
        "protocol",
        "x",
        0,
        7,
    ]
)
VALUES = st.sampled_from([None, True, False, 0, -1, 10**30, 1.5, "", "a", "influx", "embedded", "modbus", "0s", "1/0"])
TREES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=20
)


@given(tree=TREES, schema=st.sampled_from([Site, Collection, ModbusProfile, SunspecProfile]))
def test_any_tree_is_taken_or_refused(tree: object, schema: type[BaseModel]) -> None:
    """No content of a file raises anything but ConfigError, and every line of it names the file."""
    document = parse_document(yaml.safe_dump(tree, allow_unicode=True), name="site.yaml")
    try:
        validate(document, schema)
    except ConfigError as error:
        assert all(line.startswith("site.yaml") for line in str(error).splitlines())  # noqa: PT017 - some are right
