"""Changing one value and nothing else."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.document.edit import set_value
from gateway.document.tree import Document, Place, parse_document

SITE = """\
# Basement of number 12
site: soenderborg-12   # do not change
links:
  - {id: rs485_1, serial: /dev/ttyUSB0, baudrate: 9600}  # the meters
  - id: cabinet        # the chargers
    tcp: 192.168.1.40:502
    # end of cabinet
devices:
  - {id: main_meter, profile: eastron/sdm630, link: rs485_1}

  # charger on the left
  - id: charger_3
    profile: phoenix-contact/charx-sec
    intervals:
      ev_power: 5s     # fast
      # and nothing else
    link: cabinet
store:
"""


def edited(text: str, mapping: Place, key: str, value: str) -> Document:
    document = parse_document(text, name="site.yaml")
    return parse_document(set_value(document, mapping, key, value), name="site.yaml")


def at(document: Document, place: Place) -> Any:  # noqa: ANN401 - any part of a tree
    part: Any = document.tree
    for step in place:
        part = part[step]
    return part


@pytest.mark.parametrize(
    ("mapping", "key", "value"),
    [
        ((), "site", "another"),
        ((), "timezone", "Europe/Copenhagen"),
        ((), "store", "{path: /srv}"),
        (("links", 0), "baudrate", "19200"),
        (("links", 0), "parity", "none"),
        (("links", 1), "tcp", "10.0.0.5:502"),
        (("links", 1), "framing", "rtu"),
        (("devices", 0), "interval", "30s"),
        (("devices", 1), "interval", "30s"),
        (("devices", 1), "id", "charger_4"),
        (("devices", 1), "intervals", "{}"),
        (("devices", 1, "intervals"), "ev_power", "10s"),
        (("devices", 1, "intervals"), "ev_energy", "1min"),
    ],
)
def test_value_is_set_and_everything_else_stays(mapping: Place, key: str, value: str) -> None:
    """Read again, the text differs in the one value; comments and line ends are those that stood there."""
    before = parse_document(SITE, name="site.yaml")
    after = edited(SITE, mapping, key, value)
    changed = at(after, mapping)
    assert changed.pop(key) == yaml.safe_load(value)
    original = at(before, mapping)
    original.pop(key, None)
    assert after.tree == before.tree
    comments = [line.partition("#")[2] for line in SITE.splitlines() if "#" in line]
    assert [comment for comment in comments if comment not in after.text] == []


def test_value_in_place_leaves_the_rest_of_its_line() -> None:
    """Only the characters of the value are replaced."""
    document = parse_document(SITE, name="site.yaml")
    text = set_value(document, ("links", 0), "baudrate", "19200")
    assert text == SITE.replace("9600", "19200")


def test_new_key_of_a_block_stands_behind_its_last_line() -> None:
    """A key is added with the indent of its neighbours, behind the comment of the last one."""
    text = "devices:\n  - id: a  # first\n    link: b  # last\nname: x\n"
    document = parse_document(text, name="site.yaml")
    assert set_value(document, ("devices", 0), "interval", "5s") == (
        "devices:\n  - id: a  # first\n    link: b  # last\n    interval: 5s\nname: x\n"
    )


def test_new_key_of_braces_stands_before_the_closing_one() -> None:
    """A key is added behind the last value in braces, over several lines too."""
    text = "device: {\n  id: a,  # first\n  link: b  # last\n}\n"
    document = parse_document(text, name="site.yaml")
    assert set_value(document, ("device",), "interval", "5s") == (
        "device: {\n  id: a,  # first\n  link: b, interval: 5s  # last\n}\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", "a: 1\nb: 2"),
        ("a: 1\r\nc: 3\r\n", "a: 1\r\nc: 3\r\nb: 2\r\n"),
        ("a: 1  # one", "a: 1  # one\nb: 2"),
        ("a:\n", "a:\nb: 2\n"),
        ("a: |\n  text\n  more\n\n\nc: 1\n", "a: |\n  text\n  more\n\n\nc: 1\nb: 2\n"),
        ("c: 1\na: |\n  text\n", "c: 1\na: |\n  text\nb: 2\n"),
        ("a: [1,\n  2]  # list\n# end\n", "a: [1,\n  2]  # list\nb: 2\n# end\n"),
        ("{}\n", "{b: 2}\n"),
        ("b:   # nothing yet\na: 1\n", "b: 2   # nothing yet\na: 1\n"),
        ("{b: , a: 1}\n", "{b: 2 , a: 1}\n"),
        ("'b': 1\n", "'b': 2\n"),
        ("b:  # list\n- x  # first\na: 1\n", "b: 2  # list  # first\na: 1\n"),
        ("b:\n\n  text\na: 1\n", "b: 2\na: 1\n"),
    ],
)
def test_value_is_set_in_every_layout(text: str, expected: str) -> None:
    """Missing line feeds, carriage returns, blocks of text and empty values are met as they are."""
    document = parse_document(text, name="site.yaml")
    assert set_value(document, (), "b", "2") == expected


def test_place_that_is_not_there_is_an_error() -> None:
    """Setting a key of a mapping that does not exist raises KeyError."""
    document = parse_document(SITE, name="site.yaml")
    with pytest.raises(KeyError):
        set_value(document, ("devices", 7), "interval", "5s")


KEYS = st.sampled_from(["a", "b", "c", "d e", "5"])
SCALARS = st.sampled_from([None, 1, 2.5, True, "text", "with # hash", "two\nlines\n", "", "a: b", "- x", "0x10"])
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@given(
    tree=st.dictionaries(KEYS, TREES, min_size=1, max_size=4),
    flow=st.sampled_from([True, False, None]),
    pick=st.randoms(),
)
def test_any_value_of_any_file_can_be_set(tree: dict[str, Any], flow: bool | None, pick: Any) -> None:  # noqa: ANN401, FBT001
    """Whatever the layout, reading the text again gives the same tree with the one value changed."""
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True, width=40, sort_keys=False)
    document = parse_document(text, name="site.yaml")
    mappings = [place for place in document.spans if isinstance(at(document, place), dict)]
    mapping = pick.choice(sorted(mappings, key=str))
    key = pick.choice(["a", "b", "new"])
    after = edited(text, mapping, key, "changed")
    at(document, mapping)[key] = "changed"
    assert after.tree == document.tree
