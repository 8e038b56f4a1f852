from pathlib import Path
from random import Random

import pytest

from tests.e2e.kills import finished, judge, kill_at_random, one_run, pipeline

SEED = 20


def nothing_to_show(_: object) -> None:
    """Show no progress."""


@pytest.mark.timeout(120)
def test_twenty_kills_of_edge_collector_and_broker_lose_nothing(tmp_path: Path) -> None:
    """All that the meters answered is stored once and unchanged, without a gap, whichever processes were killed."""
    tally = one_run(tmp_path, seed=SEED, kills=20, persistence=False, progress=nothing_to_show)
    assert tally.kills == 20
    assert min(tally.edge, tally.collector, tally.broker) > 0
    assert tally.balances, (tally.findings, tally.gaps)


@pytest.mark.timeout(120)
def test_a_broker_with_persistence_may_be_killed_too(tmp_path: Path) -> None:
    """A broker that remembers, and so delivers old batches again, changes nothing in the store."""
    with pipeline(tmp_path, persistence=True) as running:
        tally = kill_at_random(running, Random(SEED), 6, nothing_to_show)  # noqa: S311 - when and whom to kill
        judge(running, tally)
    assert tally.balances, (tally.findings, tally.gaps)


def test_only_a_poll_that_the_kill_found_unfinished_is_forgiven() -> None:
    """Answers shortly before a kill count where a row was made of them, and so do all earlier ones."""
    served = [(1000, {"p": 1.0}), (1400, {"p": 2.0}), (1800, {"p": 3.0})]
    kills = [(1850, 1860)]
    assert finished(served, [(1001, {"p": 1.0})], kills) == served[:2]
    assert finished(served, [(1801, {"p": 3.0})], kills) == served
