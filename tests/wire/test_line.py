"""One readout or event as one line, and back."""

import json
import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import WireError
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Event, Readout, Status, Value
from gateway.wire.line import (
    EVENT,
    MAX_LINE_BYTES,
    MAX_NOTE_CHARACTERS,
    READING,
    LineEncoder,
    mark_uncertain,
    parse_line,
    stamp,
)

VOCABULARY = load_vocabulary()
ENCODER = LineEncoder("soenderborg-12", VOCABULARY)
TIME_MS = 1_795_320_300_061
LINE = b"kvarter,site=a,device=b elec_power_active=1.5,status=0i 1795320300061000000"
EVENT_LINE = b"kvarter_event,site=a,kind=gap,cause=power from=1i,to=2i,count=3i 1795320300061000000"

FLOATS = tuple(name for name, quantity in VOCABULARY.items() if not quantity.is_integer)
STATES = tuple(name for name, quantity in VOCABULARY.items() if quantity.is_integer)
IDS = st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e299, max_value=1e299)
CODES = st.integers(min_value=-(10**15), max_value=10**15)
VALUES = st.dictionaries(st.sampled_from(FLOATS), NUMBERS | st.none(), max_size=40).flatmap(
    lambda floats: st.dictionaries(st.sampled_from(STATES), CODES | st.none(), max_size=8).map(
        lambda codes: floats | codes
    )
)


def readout(values: Mapping[str, Value], status: Status = Status.OK, suspect: frozenset[str] = frozenset()) -> Readout:
    return Readout("main_meter", 1000.0, tuple(values), tuple(values.values()), status, suspect)


def test_readout_is_the_line_of_the_design() -> None:
    """A readout becomes exactly the bytes that the wire format shows."""
    values = {"elec_energy_import": 10234.56, "elec_power_active": 1234.5}
    assert stamp(ENCODER.readout(readout(values)), 1_795_320_300_061) == (
        b"kvarter,site=soenderborg-12,device=main_meter "
        b"elec_energy_import=10234.56,elec_power_active=1234.5,status=0i 1795320300061000000"
    )


@given(values=VALUES, status=st.sampled_from(Status), uncertain=st.booleans(), time_ms=st.integers(0, 10**13 - 1))
def test_readout_comes_back(values: dict[str, Value], status: Status, uncertain: bool, time_ms: int) -> None:  # noqa: FBT001
    """Encoded, stamped and parsed, a readout has the same values to 15 digits, each of its own type."""
    body = ENCODER.readout(readout(values, status))
    line = parse_line(stamp(mark_uncertain(body) if uncertain else body, time_ms))
    assert (line.measurement, line.time_ms, line.comment) == (READING, time_ms, "")
    assert line.tags == {"site": "soenderborg-12", "device": "main_meter"}
    fields = dict(line.fields)
    assert fields.pop("clock", 0) == int(uncertain)
    partial = status is Status.OK and None in values.values()
    assert fields.pop("status") == (Status.PARTIAL if partial else status)
    expected = {name: value for name, value in values.items() if value is not None}
    assert fields.keys() == expected.keys()
    for name, value in expected.items():
        assert type(fields[name]) is (int if VOCABULARY[name].is_integer else float)
        assert fields[name] == (value if isinstance(value, int) else float(f"{value:.15g}"))


@given(device=IDS, site=IDS)
def test_every_id_comes_back(device: str, site: str) -> None:
    """An id needs no escaping, whatever it is."""
    body = LineEncoder(site, VOCABULARY).readout(Readout(device, 0.0, (), (), Status.NO_ANSWER))
    assert parse_line(stamp(body, TIME_MS)).tags == {"site": site, "device": device}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.7976931348623157e308, None])
def test_what_is_no_number_is_absent_and_makes_the_readout_partial(value: float | None) -> None:
    """A value that no store can hold never reaches the wire, and the status says that one is missing."""
    line = parse_line(stamp(ENCODER.readout(readout({"elec_power_active": value, "elec_frequency": 50.0})), TIME_MS))
    assert line.fields == {"elec_frequency": 50.0, "status": Status.PARTIAL}


def test_failed_poll_is_a_line_with_its_status() -> None:
    """A device that does not answer still yields a line: a gap is visible."""
    line = parse_line(stamp(ENCODER.readout(readout({}, Status.NO_ANSWER)), TIME_MS))
    assert line.fields == {"status": 2}


def test_suspect_value_is_kept_with_a_companion() -> None:
    """A value outside its plausible range travels with an integer field of its own beside it."""
    values: dict[str, Value] = {"elec_voltage_l1": 2301.0, "elec_voltage_l2": None}
    suspect = frozenset(values)
    line = parse_line(stamp(ENCODER.readout(readout(values, Status.PARTIAL, suspect)), TIME_MS))
    assert line.fields == {"elec_voltage_l1": 2301.0, "elec_voltage_l1_suspect": 1, "status": 1}


def test_whole_number_of_a_measurement_stays_a_float() -> None:
    """A measurement that happens to be a whole number keeps the type it has for ever."""
    for value in (5, 5.0):
        field = parse_line(stamp(ENCODER.readout(readout({"elec_power_active": value})), TIME_MS)).fields[
            "elec_power_active"
        ]
        assert isinstance(field, float)


@given(
    start_ms=st.integers(-(10**18), 10**18),
    count=st.integers(0, 10**18),
    device=st.none() | IDS,
    text=st.text(max_size=50),
    author=st.text(max_size=50),
)
def test_event_comes_back_with_its_note(start_ms: int, count: int, device: str | None, text: str, author: str) -> None:
    """Encoded, stamped and parsed, an event has the same numbers, and text in any script."""
    event = Event("gap", "power_cut", start_ms, start_ms + 5, count, device, text, author)
    line = parse_line(stamp(ENCODER.event(event), TIME_MS))
    assert line.measurement == EVENT
    assert line.fields == {"from": start_ms, "to": start_ms + 5, "count": count}
    assert line.tags == {"site": "soenderborg-12", "kind": "gap", "cause": "power_cut"} | (
        {"device": device} if device else {}
    )
    note = json.loads(line.comment or "{}")
    assert (note.get("text", ""), note.get("author", "")) == (text, author)


def test_long_note_is_cut() -> None:
    """A note never makes a line longer than a line may be."""
    event = Event("note", "person", 0, 0, 0, text="\N{SNOWMAN}" * 100_000, author="x" * 100_000)
    line = parse_line(stamp(ENCODER.event(event), TIME_MS))
    assert json.loads(line.comment)["text"] == "\N{SNOWMAN}" * MAX_NOTE_CHARACTERS


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"kvarter",
        LINE[:-1],
        LINE + b"\n",
        LINE + b"\r",
        b" " + LINE,
        LINE.replace(b"061000000", b"061000001"),
        LINE.replace(b" 1795320300061000000", b""),
        LINE.replace(b" 1795320300061000000", b" -1000000"),
        LINE.replace(b"kvarter,", b"cpu,"),
        LINE.replace(b"site=a,", b""),
        LINE.replace(b"site=a,device=b", b"device=b,site=a"),
        LINE.replace(b"site=a", b"site=A"),
        LINE.replace(b"site=a", b"site="),
        LINE.replace(b"device=b", b"device=b,host=c"),
        LINE.replace(b"device=b", b"device=" + b"b" * 65),
        LINE.replace(b",status=0i", b""),
        LINE.replace(b"status=0i", b"status=0"),
        LINE.replace(b"status=0i", b"status=7i"),
        LINE.replace(b"status=0i", b"status=0i,clock=0i"),
        LINE.replace(b"status=0i", b"status=0i,x=1"),
        LINE.replace(b"=1.5", b"=1.5,elec_power_active=1.5"),
        LINE.replace(b"=1.5", b'="1.5"'),
        LINE.replace(b"=1.5", b"=true"),
        LINE.replace(b"=1.5", b"=nan"),
        LINE.replace(b"=1.5", b"=+1.5"),
        LINE.replace(b"=1.5", b"=.5"),
        LINE.replace(b"=1.5", b"=1."),
        LINE.replace(b"=1.5", b"=1u"),
        LINE.replace(b"=1.5", b"=1e999"),
        LINE.replace(b"=1.5", b"=9223372036854775808i"),
        LINE.replace(b"=1.5", b"=\xd9\xa1"),
        LINE.replace(b"elec_power_active", b"Elec"),
        LINE.replace(b"elec_power_active", b"_suspect"),
        LINE.replace(b"elec_power_active", b"x" * 65),
        LINE.replace(b"=1.5", b"=1.5," + b"x" * 60 + b"=1") * 1000,
        b"# {}\n" + LINE,
        b"# {\n" + EVENT_LINE,
        b"# [1]\n" + EVENT_LINE,
        b'# {"text": 5}\n' + EVENT_LINE,
        b"# \xff\n" + EVENT_LINE,
        b"# " + b"[" * 20_000 + b"\n" + EVENT_LINE,
        b'# {"text": "a"}',
        b'# {"text": "a"}\n# {"text": "b"}\n' + EVENT_LINE,
        EVENT_LINE.replace(b"from=1i,", b""),
        EVENT_LINE.replace(b"count=3i", b"count=-3i"),
        EVENT_LINE.replace(b"count=3i", b"count=3"),
        EVENT_LINE.replace(b"from=1i,to=2i", b"to=2i,from=1i"),
        EVENT_LINE.replace(b"cause=power", b"cause=power,device="),
        EVENT_LINE.replace(b",cause=power", b""),
    ],
)
def test_line_that_is_not_ours_is_refused(text: bytes) -> None:
    """Anything but the exact grammar raises WireError, so that no store has to guess."""
    with pytest.raises(WireError):
        parse_line(text)


def test_lines_of_these_tests_are_right_before_they_are_broken() -> None:
    """The lines that the refusals start from are taken as they stand."""
    assert parse_line(LINE).fields == {"elec_power_active": 1.5, "status": 0}
    assert parse_line(EVENT_LINE).fields == {"from": 1, "to": 2, "count": 3}
    assert parse_line(b'# {"text": "a"}\n' + EVENT_LINE).comment == '{"text": "a"}'


def test_line_has_a_longest_length() -> None:
    """A line of more bytes than any device has points is refused, its comment included."""
    long = b"kvarter,site=a,device=b " + b"".join(b"p%d=1," % n for n in range(10_000)) + b"status=0i 1000000"
    with pytest.raises(WireError, match=f"the limit is {MAX_LINE_BYTES}"):
        parse_line(long)
    with pytest.raises(WireError, match=f"the limit is {MAX_LINE_BYTES}"):
        parse_line(b'# {"text": "' + b"x" * MAX_LINE_BYTES + b'"}\n' + EVENT_LINE)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_line_or_a_wire_error(text: bytes) -> None:
    """No bytes raise anything but WireError."""
    with pytest.raises(WireError):
        parse_line(text)


@given(cut=st.integers(0, len(LINE)), junk=st.binary(max_size=20), end=st.integers(0, 20))
def test_any_mutation_is_a_line_or_a_wire_error(cut: int, junk: bytes, end: int) -> None:
    """A line with a part replaced is refused, or has whole numbers and floats only."""
    try:
        line = parse_line(LINE[:cut] + junk + LINE[cut + end :])
    except WireError:
        return
    assert all(isinstance(value, (int, float)) and math.isfinite(value) for value in line.fields.values())
