"""Values that a person chose."""

from pathlib import Path

import pytest

from gateway.core.errors import ConfigError
from gateway.document.tree import parse_document
from gateway.sim.values import FixedValues, load_values, parse_values
from tests.sim.workbench import every_type


def values(text: str) -> FixedValues:
    return parse_values(parse_document(text, name="values.yaml"), every_type().points[1])


def test_the_file_says_what_is_served(tmp_path: Path) -> None:
    """Points of the file have their numbers, all others none; null is 'no value'."""
    path = tmp_path / "values.yaml"
    path.write_text("elec_voltage_l2: 230.1\nelec_current_l1: null\n")
    known = load_values(path, every_type().points[1])
    asked = ["elec_voltage_l2", "elec_current_l1", "elec_frequency"]
    assert known.values(asked, utc_ms=0) == {"elec_voltage_l2": 230.1, "elec_current_l1": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nelec_voltage_l4: 1\n", r"values.yaml:2: elec_voltage_l4: the device has no such point; did you mean elec_"),
        ("elec_voltage_l2: high\n", r"values.yaml:1: elec_voltage_l2: 'high' is not a number"),
        ("elec_voltage_l2: true\n", r"values.yaml:1: elec_voltage_l2: True is not a number"),
        ("elec_current_l1: 100\n", r"values.yaml:1: elec_current_l1: 100000 does not fit uint16"),
        ("hp_operating_mode: 3\n", r"values.yaml:1: hp_operating_mode: .*no code for 3; it knows 1, 2, 4, 6"),
        ("elec_voltage_l1: null\n", r"values.yaml:1: elec_voltage_l1: .*no code for 'no value'"),
        ("ev_state: 2\nev_error: 1\n", r"values.yaml:2: ev_error: 1 cannot be said beside these values of ev_state"),
        ("- 1\n", r"values.yaml: write one line for each point"),
    ],
)
def test_what_cannot_be_served_is_refused(text: str, message: str) -> None:
    """A wrong line of the file is named with its number and what would be right."""
    with pytest.raises(ConfigError, match=message):
        values(text)


def test_an_empty_file_says_nothing() -> None:
    """A file without a line is a device without values."""
    assert values("").values(["elec_voltage_l1"], utc_ms=0) == {}
