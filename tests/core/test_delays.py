from random import Random

from gateway.core.delays import Delays


def test_waits_double_up_to_the_longest_and_start_again() -> None:
    """Each wait is half to the whole of a length that doubles, until the thing works."""
    delays = Delays(Random(1), first_s=0.5, longest_s=4.0)  # noqa: S311
    for length_s in (0.5, 1.0, 2.0, 4.0, 4.0, 4.0):
        assert length_s / 2 <= delays.next_s() <= length_s
    delays.reset()
    assert delays.next_s() <= 0.5


def test_a_thousand_gateways_do_not_come_back_at_once() -> None:
    """The jitter spreads the waits of different gateways."""
    waits = [Delays(Random(seed), first_s=10.0).next_s() for seed in range(1000)]  # noqa: S311
    assert max(waits) - min(waits) > 4.5
