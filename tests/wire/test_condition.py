"""How a gateway says that it is, and what is believed of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import WireError
from gateway.wire.condition import (
    MAX_CONDITION_BYTES,
    BusCondition,
    Condition,
    WayCondition,
    condition_tree,
    few_holes,
    read_status,
    short,
)
from gateway.wire.status import MAX_STATUS_BYTES, decode_status, encode_birth, encode_will

RUN = "9f3c7e21a04b55d0"
COUNTS = st.integers(0, 2**53 - 1)
IDS = st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True)
BUSES = st.builds(
    BusCondition,
    port=st.text(max_size=200),
    devices=st.lists(IDS, max_size=5).map(tuple),
    load=st.none() | st.floats(0, 2),
    timeouts=COUNTS,
    learnt_holes=st.dictionaries(IDS, st.lists(st.text(max_size=200), max_size=3).map(tuple), max_size=3),
)
CONDITIONS = st.builds(
    Condition,
    time_ms=st.none() | st.integers(0, 4_000_000_000_000),
    synchronised=st.none() | st.booleans(),
    readouts=COUNTS,
    disk_free_bytes=st.none() | COUNTS,
    buses=st.dictionaries(IDS, BUSES, max_size=3),
    ways=st.dictionaries(
        IDS, st.builds(WayCondition, waiting=COUNTS, oldest_ms=st.none(), refusing=st.booleans()), max_size=3
    ),
)


def birth(condition: Condition) -> bytes:
    return encode_birth(
        run=RUN, version="1.0", catalogue="cafe0001", counters={"link_late": 3}, gateway=condition_tree(condition)
    )


@given(condition=CONDITIONS)
def test_a_condition_comes_back(condition: Condition) -> None:
    """What a gateway says is what a collector reads, and whoever reads the status as a mere object still can."""
    message = birth(condition)
    status = read_status(message)
    assert (status.state, status.version, status.counters) == ("online", "1.0", {"link_late": 3})
    assert status.gateway == condition
    assert decode_status(message)["catalogue"] == "cafe0001"


def test_what_is_not_said_is_unknown() -> None:
    """A status of an older gateway has no condition, one of a newer has keys nobody knows; a will has neither."""
    assert read_status(encode_birth(run=RUN, version="0.9", counters={})).gateway is None
    newer = {"state": "online", "version": "9", "gateway": {"fans": 2, "buses": {"a": {"colour": "red"}}}, "moon": []}
    found = read_status(json.dumps(newer).encode()).gateway
    assert found is not None
    assert (found.synchronised, found.disk_free_bytes, found.started_ms) == (None, None, None)
    assert found.buses["a"] == BusCondition()
    gone = read_status(encode_will(RUN))
    assert (gone.state, gone.gateway) == ("offline", None)


@pytest.mark.parametrize(
    "gateway",
    [
        {"synchronised": "yes"},
        {"synchronised": 1},
        {"readouts": -1},
        {"readouts": 2**53},
        {"readouts": 1.5},
        {"time_ms": 10**18},
        {"buses": {"../etc": {}}},
        {"buses": {"a": {"load": -0.1}}},
        {"buses": {"a": {"devices": ["<script>"]}}},
        {"buses": {"a": {"port": "x" * 201}}},
        {"buses": {"a": {"learnt_holes": {"m": ["x"] * 21}}}},
        {"buses": {f"b{number}": {} for number in range(257)}},
        {"ways": {f"w{number}": {} for number in range(9)}},
        {"ways": {"mqtt": {"refusing": "no"}}},
        [],
        "all is well",
    ],
)
def test_what_no_gateway_says_is_refused(gateway: object) -> None:
    """Whoever may publish on the topic can say nothing else than a gateway can, and nothing without bounds."""
    message = json.dumps({"state": "online", "gateway": gateway}).encode()
    with pytest.raises(WireError, match="not the status"):
        read_status(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"null",
        b"{}",
        b"\xff",
        b'{"state":"perhaps"}',
        b'{"state":"online","gateway":{"readouts":NaN}}',
        b'{"state":"online","counters":{"<b>":1}}',
        b'{"state":"online","version":"' + b"9" * 65 + b'"}',
        b'{"state":"online","gateway":' + b'{"a":' * 30_000,
        b'{"state":"online","x":"' + b"x" * MAX_STATUS_BYTES + b'"}',
    ],
)
def test_message_that_is_no_status_is_refused(message: bytes) -> None:
    """Neither its form nor its length can do harm."""
    with pytest.raises(WireError):
        read_status(message)


def test_a_long_condition_says_what_matters_most() -> None:
    """Learnt holes go first, then the buses; clock, disk and delivery are always told."""
    holes = {f"device_{number}": few_holes(("h" * 500,) * 30) for number in range(40)}
    ways = {"mqtt": WayCondition(waiting=7)}
    told = condition_tree(Condition(synchronised=False, buses={"a": BusCondition(learnt_holes=holes)}, ways=ways))
    assert told["buses"] == {"a": {}}
    devices = tuple(f"a_device_with_a_long_name_{number:030}" for number in range(1000))
    told = condition_tree(Condition(synchronised=False, buses={"a": BusCondition(devices=devices)}, ways=ways))
    assert told == {"synchronised": False, "ways": {"mqtt": {"waiting": 7}}}
    assert len(json.dumps(told)) < MAX_CONDITION_BYTES
    assert short("x" * 300) == "x" * 199 + "…"
