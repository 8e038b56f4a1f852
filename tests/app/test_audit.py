"""The audit finds every kind of fault, and no fault where there is none."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.app.audit import Served, Stored, audit_device

TRUTH: list[Served] = [(1000 * n, {"elec_power_active": 100.0 + n, "elec_frequency": 50.0}) for n in range(1, 6)]
EACH_SECOND = {"elec_power_active": 1000, "elec_frequency": 1000, "hp_temp_dhw": 1000}
ROWS: list[Stored] = [(time_ms + 7, dict(values)) for time_ms, values in TRUTH]


def test_a_faithful_store_balances() -> None:
    """Every value that was served is stored once, so that nothing is lost, invented or different."""
    result = audit_device("meter", TRUTH, ROWS, intervals_ms=EACH_SECOND, gaps=[])
    assert result.balances
    assert (result.rows, result.values) == (5, 10)


def test_a_dropped_row_is_lost() -> None:
    """A row that is missing in the middle counts its values as lost."""
    result = audit_device("meter", TRUTH, [*ROWS[:2], *ROWS[3:]], intervals_ms=EACH_SECOND, gaps=[])
    assert not result.balances
    assert result.lost == 2
    assert "from 3000 on" in result.findings[0]


def test_a_row_twice_is_invented() -> None:
    """The same values at another instant, for which nothing was served, are invented."""
    twice = [*ROWS[:2], (ROWS[1][0] + 5, ROWS[1][1]), *ROWS[2:]]
    result = audit_device("meter", TRUTH, twice, intervals_ms=EACH_SECOND, gaps=[])
    assert not result.balances
    assert result.invented == 2


def test_an_altered_value_differs() -> None:
    """A value that is not what was served is named with both numbers."""
    altered = [*ROWS[:4], (ROWS[4][0], {"elec_power_active": 1105.0, "elec_frequency": 50.0})]
    result = audit_device("meter", TRUTH, altered, intervals_ms=EACH_SECOND, gaps=[])
    assert (result.differing, result.values) == (1, 9)
    assert "105.0 was served" in result.findings[0]


def test_values_inside_a_recorded_gap_are_accounted_for() -> None:
    """What is missing inside a gap that is in the store is not lost."""
    result = audit_device("meter", TRUTH, [*ROWS[:2], *ROWS[3:]], intervals_ms=EACH_SECOND, gaps=[(2500, 3500)])
    assert result.balances
    assert result.in_gaps == 2


def test_only_the_last_poll_may_be_unfinished() -> None:
    """One answer after the last row is the poll that the end cut off; two are a loss."""
    one = audit_device("meter", TRUTH, ROWS[:4], intervals_ms=EACH_SECOND, gaps=[])
    two = audit_device("meter", TRUTH, ROWS[:3], intervals_ms=EACH_SECOND, gaps=[])
    assert (one.balances, one.unfinished) == (True, 2)
    assert (two.balances, two.lost) == (False, 2)


def test_a_code_for_no_value_must_not_be_stored_as_a_number() -> None:
    """Where the device served 'no value', a stored number is a wrong value, and none is right."""
    served: list[Served] = [(1000, {"hp_temp_dhw": None}), (2000, {"hp_temp_dhw": 50.0})]
    right = audit_device(
        "pump",
        served,
        [(1005, {"hp_temp_dhw": None}), (2005, {"hp_temp_dhw": 50.0})],
        intervals_ms=EACH_SECOND,
        gaps=[],
    )
    wrong = audit_device(
        "pump",
        served,
        [(1005, {"hp_temp_dhw": -3276.8}), (2005, {"hp_temp_dhw": 50.0})],
        intervals_ms=EACH_SECOND,
        gaps=[],
    )
    assert right.balances
    assert wrong.differing == 1


@given(st.integers(0, 4), st.sampled_from(["drop", "duplicate", "alter"]))
def test_any_single_fault_is_found(index: int, fault: str) -> None:
    """Whichever row is dropped, doubled or changed, the balance fails; only the last poll may be cut off."""
    rows = list(ROWS)
    time_ms, values = rows[index]
    if fault == "drop":
        del rows[index]
    elif fault == "duplicate":
        rows.insert(index + 1, (time_ms + 5, values))
    else:
        rows[index] = (time_ms, {**values, "elec_power_active": -1.0})
    result = audit_device("meter", TRUTH, rows, intervals_ms=EACH_SECOND, gaps=[])
    assert result.balances == (fault == "drop" and index == len(TRUTH) - 1)


def test_a_register_may_be_asked_twice_in_one_poll() -> None:
    """Where a poll reads a register twice, the row holds one of the two answers, and nothing is lost."""
    served: list[Served] = [(1000, {"elec_frequency": 50.0}), (1100, {"elec_frequency": 50.1}), *TRUTH[1:]]
    rows: list[Stored] = [(1200, {"elec_frequency": 50.0}), *ROWS[1:]]
    result = audit_device("meter", served, rows, intervals_ms=EACH_SECOND, gaps=[])
    assert result.balances


def test_answers_that_were_discarded_are_accounted_for_by_their_row() -> None:
    """A poll that failed in part leaves a row that says so; what it discarded is not lost, and not stored elsewhere."""
    partial: Stored = (TRUTH[2][0] + 900, {"elec_frequency": 50.0, "status": 1})
    result = audit_device("meter", TRUTH, [*ROWS[:2], partial, *ROWS[3:]], intervals_ms=EACH_SECOND, gaps=[])
    assert result.balances, result.findings
    assert result.discarded == 1
