import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.collector.checks import (
    EARLIEST_MS,
    MOST_AHEAD_MS,
    Form,
    Inventory,
    Refused,
    check_lines,
    take_inventory,
)
from gateway.core.quantity import Vocabulary, load_vocabulary
from gateway.core.readout import Event, Readout, Status
from gateway.wire.catalogue import Catalogue
from gateway.wire.line import LineEncoder, mark_uncertain, parse_line, stamp
from tests.collector.sending import SITE, START_MS, catalogue, line

VOCABULARY = load_vocabulary()
POINTS = tuple(VOCABULARY)
INVENTORY = take_inventory(catalogue(points=POINTS), VOCABULARY)
ENCODER = LineEncoder(SITE, VOCABULARY)


def refusal(text: bytes, inventory: Inventory = INVENTORY) -> Refused | None:
    """Return what the checks have against one line."""
    accepted, refused = check_lines([text], inventory, now_ms=START_MS)
    assert accepted == ([] if refused else [text])
    return refused[0] if refused else None


def reading(fields: str, *, tags: str = "site=house,device=meter", time_ms: int = START_MS) -> bytes:
    """Return a line with any fields."""
    return f"kvarter,{tags} {fields} {time_ms}000000".encode()


VALUES = st.floats(-1e12, 1e12) | st.integers(-(10**9), 10**9) | st.none()


@given(st.dictionaries(st.sampled_from(POINTS), VALUES, max_size=40), st.sampled_from(Status), st.booleans(), st.data())
def test_whatever_the_encoder_writes_is_taken(
    values: dict[str, float | int | None],
    status: Status,
    uncertain: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    """A line that a gateway encodes from its own vocabulary always passes the checks."""
    typed = {
        point: None if value is None else int(value) if VOCABULARY[point].is_integer else float(value)
        for point, value in values.items()
    }
    suspect = data.draw(st.frozensets(st.sampled_from(sorted(typed)))) if typed else frozenset[str]()
    body = ENCODER.readout(Readout("meter", 0.0, tuple(typed), tuple(typed.values()), status, suspect))
    assert refusal(stamp(mark_uncertain(body) if uncertain else body, START_MS)) is None


@given(st.sampled_from(["gap", "clock"]), st.integers(0, 2**40), st.integers(0, 2**40), st.text(max_size=50))
def test_events_are_taken_with_their_comment(kind: str, start_ms: int, length: int, text: str) -> None:
    """An event passes with its text, of the site or of one device."""
    for device in (None, "meter"):
        event = Event(kind, "power", start_ms, start_ms + length, 3, device, text, "somebody")
        assert refusal(stamp(ENCODER.event(event), START_MS)) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not a line of ours"),
        (b"\xff\xfe", "not a line of ours"),
        (b"cpu,host=a value=1 1", "not a line of ours"),
        (reading("elec_power_active=1.5,status=0i", tags="site=other,device=meter"), "site other"),
        (
            reading("elec_power_active=1.5,status=0i", tags="site=house,device=fridge"),
            "device fridge is not in the cat",
        ),
        (reading("elec_power=1.5,status=0i"), "elec_power is no point of this device"),
        (reading("elec_power_active=15i,status=0i"), "elec_power_active is an integer"),
        (reading("hp_operating_mode=1.0,status=0i"), "hp_operating_mode is a float"),
        (reading("elec_power_suspect=1i,status=0i"), "elec_power_suspect is no point"),
        (reading("elec_power_active_suspect=2i,status=0i"), "is a mark"),
        (reading("elec_power_active_suspect=1.0,status=0i"), "is a mark"),
        (reading("clock=7i,status=0i"), "clock is a mark"),
        (reading("elec_power_active=NaN,status=0i"), "not a line of ours"),
        (reading("elec_power_active=1e+400,status=0i"), "beyond the range"),
        (reading("elec_power_active=1.5"), "not a line of ours"),
        (reading("elec_power_active=1.5,status=7i"), "not a line of ours"),
        (reading("status=0i", time_ms=EARLIEST_MS - 1), "before 2020"),
        (reading("status=0i", time_ms=START_MS + MOST_AHEAD_MS + 1), "more than 24 h ahead"),
        (b"kvarter_event,site=other,kind=gap,cause=power from=1i,to=2i,count=0i 1795320000000000000", "site other"),
        (
            b"kvarter_event,site=house,kind=gap,cause=power,device=x from=1i,to=2i,count=0i 1795320000000000000",
            "device x",
        ),
        (b"kvarter_event,site=house,kind=gap,cause=power from=3i,to=2i,count=0i 1795320000000000000", "ends before"),
        (b"# not json\n" + line(1), "not a comment of ours"),
    ],
)
def test_what_does_not_belong_is_refused_with_the_reason(text: bytes, reason: str) -> None:
    """Grammar, owner, types and time of a line are checked, and the reason says which of them is wrong."""
    refused = refusal(text)
    assert refused is not None
    assert reason in refused.reason


def test_the_edges_of_time_are_taken() -> None:
    """The first instant of 2020 and exactly 24 h ahead are believable."""
    assert refusal(reading("status=0i", time_ms=EARLIEST_MS)) is None
    assert refusal(reading("status=0i", time_ms=START_MS + MOST_AHEAD_MS)) is None


def test_a_collector_without_clock_refuses_no_future() -> None:
    """Where our own clock cannot be believed no line is too far ahead, for refusing it would lose it."""
    text = reading("status=0i", time_ms=START_MS * 2)
    assert check_lines([text], INVENTORY, now_ms=None) == ([text], [])


def test_a_refused_line_says_whose_it_was_and_when_as_far_as_it_can_be_believed() -> None:
    """Device and time are read even from a line that is not ours to store, but never those of another site."""
    known = refusal(reading("nonsense=1.0,status=0i"))
    assert known is not None
    assert (known.device, known.time_ms) == ("meter", START_MS)
    event = refusal(b"kvarter_event,site=house,kind=gap,cause=power,device=pump from=1.5 1795320000000000000")
    assert event is not None
    assert (event.device, event.time_ms) == ("pump", START_MS)
    for text in (
        reading("status=0i", tags="site=other,device=meter", time_ms=EARLIEST_MS - 1),
        reading("status=0i", tags="site=house,device=fridge", time_ms=START_MS * 2),
        b"garbage",
    ):
        foreign = refusal(text)
        assert foreign is not None
        assert (foreign.device, foreign.time_ms) == (None, None)


def test_indexes_name_the_line_in_its_batch() -> None:
    """Refused lines keep their place, whatever stands around them."""
    lines = [line(0), b"bad", line(1), b"worse"]
    accepted, refused = check_lines(lines, INVENTORY, now_ms=START_MS, first_index=10)
    assert accepted == [line(0), line(1)]
    assert [(each.index, each.line) for each in refused] == [(11, b"bad"), (13, b"worse")]


def test_points_of_a_newer_vocabulary_are_taken_as_they_come() -> None:
    """A gateway may be newer than its collector; one of the same age may not invent points."""
    today = catalogue(points=["elec_power_active", "elec_power_imaginary"])
    newer = today.model_copy(update={"vocabulary": VOCABULARY.version + 1})
    for value in ("1.5", "1i"):
        text = reading(f"elec_power_imaginary={value},status=0i")
        assert refusal(text, take_inventory(newer, VOCABULARY)) is None
        assert refusal(text, take_inventory(today, VOCABULARY)) is not None


def test_devices_with_the_same_points_share_their_fields() -> None:
    """A large site costs memory per kind of device, not per device."""
    inventory = take_inventory(catalogue(), VOCABULARY)
    assert inventory.devices["meter"] is inventory.devices["pump"]
    assert inventory.devices["meter"]["hp_operating_mode"] is Form.INTEGER


SOUND = st.integers(0, 10**6).map(line)
MUTATIONS = st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=3)), max_size=3)


@given(SOUND, MUTATIONS)
def test_a_damaged_line_never_does_harm(text: bytes, mutations: list[tuple[int, bytes]]) -> None:
    """Whatever happens to a line, it is refused, or it is still a line of this site, device and time."""
    for position, replacement in mutations:
        text = text[:position] + replacement + text[position + 1 :]
    accepted, refused = check_lines([text], INVENTORY, now_ms=START_MS + 10**6)
    assert len(accepted) + len(refused) == 1
    for taken in accepted:
        parsed = parse_line(taken)
        assert parsed.tags["site"] == SITE
        assert EARLIEST_MS <= parsed.time_ms <= START_MS + 10**6 + MOST_AHEAD_MS


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(text: bytes) -> None:
    """No random bytes pass, and none raises."""
    assert refusal(text) is not None


@pytest.mark.parametrize(
    "text", [b"kvarter," * 100_000, b"#" * 700_000, b" " * 500_000, b"kvarter,site=" + b"a" * 500_000]
)
def test_bombs_are_refused_at_once(text: bytes) -> None:
    """A line as long as a message is refused without being searched again and again."""
    assert refusal(text) is not None


def test_an_empty_vocabulary_takes_nothing_of_its_own_age() -> None:
    """Without knowledge of a point no value of it is taken."""
    inventory = take_inventory(
        Catalogue(site=SITE, vocabulary=1, devices=catalogue().devices), Vocabulary([], version=1)
    )
    refused = refusal(line(1), inventory)
    assert refused is not None
