"""How often a failing device is asked."""

from gateway.poller.backoff import LONGEST_PROBE_INTERVAL_S, PROBE_SHARE, Backoff


def test_one_lost_answer_changes_nothing() -> None:
    """A device that failed once is asked again at its next instant."""
    backoff = Backoff()
    backoff.failed("meter", now_s=0.0, cost_s=1.0, interval_s=10.0)
    assert backoff.allows("meter", 10.0)
    assert backoff.backed_off() == ()


def test_probes_grow_apart_up_to_five_minutes() -> None:
    """The distance of probes doubles with each failure and stops at five minutes."""
    backoff = Backoff()
    now_s, distances = 0.0, []
    for _ in range(12):
        backoff.failed("meter", now_s=now_s, cost_s=0.0, interval_s=10.0)
        start_s = now_s
        while not backoff.allows("meter", now_s):
            now_s += 1.0
        distances.append(now_s - start_s)
    assert distances[:4] == [0.0, 20.0, 40.0, 80.0]
    assert max(distances) == LONGEST_PROBE_INTERVAL_S


def test_probes_of_all_dead_devices_share_a_twentieth_of_the_bus() -> None:
    """Nine dead devices that each block the bus for a second cost at most the probe share of an hour."""
    backoff = Backoff()
    names = [f"meter_{n}" for n in range(9)]
    now_s, spent_s = 0.0, 0.0
    while now_s < 7200.0:
        for name in names:
            if backoff.allows(name, now_s):
                now_s += 1.0
                spent_s += 1.0 if now_s > 3600.0 else 0.0
                backoff.failed(name, now_s=now_s, cost_s=1.0, interval_s=1.0)
        now_s += 1.0
    assert 0 < spent_s <= 3600.0 * PROBE_SHARE


def test_an_answer_ends_the_back_off_at_once() -> None:
    """After one answer the device is asked at every instant again."""
    backoff = Backoff()
    for _ in range(5):
        backoff.failed("meter", now_s=0.0, cost_s=1.0, interval_s=10.0)
    assert backoff.backed_off() == ("meter",)
    assert backoff.succeeded("meter")
    assert backoff.allows("meter", 0.0)
    assert not backoff.succeeded("meter")
