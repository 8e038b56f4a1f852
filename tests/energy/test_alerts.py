"""When people are told of what is wrong."""

from datetime import UTC, datetime, time, timedelta

from gateway.energy.alerts import Alerts, Finding, Habits, Key, Notice
from gateway.energy.frozen import FrozenCounters

MONDAY = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BROKER = Finding(Key("broker"))
DEVICES = [Finding(Key("device", "a", f"meter_{n}"), under=(Key("broker"), Key("gateway", "a"))) for n in range(60)]


class Days:
    """Looks once a minute."""

    def __init__(self, habits: Habits | None = None, *, start: datetime = MONDAY) -> None:
        self.alerts = Alerts(habits or Habits())
        self.start = start
        self.minute = 0

    def look(self, *findings: Finding, minutes: int = 1) -> list[Notice]:
        told: list[Notice] = []
        for _ in range(minutes):
            local = self.start + timedelta(minutes=self.minute)
            told += self.alerts.look(findings, now_s=self.minute * 60.0, local=local)
            self.minute += 1
        return told


def test_sixty_devices_behind_a_dead_broker_are_one_message_and_one_recovery() -> None:
    """Consequences are not told while their cause lasts, nor in the minutes after it."""
    days = Days()
    days.look(minutes=5)
    told = days.look(BROKER, *DEVICES, minutes=120)
    assert [(notice.news, [each.key.cause for each in notice.findings]) for notice in told] == [("problem", ["broker"])]
    told = days.look(*DEVICES, minutes=1) + days.look(minutes=10)
    assert [(notice.news, [each.key.cause for each in notice.over]) for notice in told] == [("recovered", ["broker"])]


def test_devices_that_are_silent_together_are_one_message() -> None:
    """Findings of one cause at one site that begin together are told together, and stay told."""
    days = Days()
    told = days.look(*DEVICES, minutes=60)
    assert [len(notice.findings) for notice in told] == [60]
    told = days.look(minutes=60)
    assert [len(notice.over) for notice in told] == [60]


def test_what_outlasts_its_cause_is_told_then() -> None:
    """A device that stays silent after the broker came back is a cause of its own."""
    days = Days()
    days.look(BROKER, *DEVICES, minutes=10)
    told = days.look(DEVICES[0], minutes=20)
    assert [notice.news for notice in told] == ["recovered", "problem"]
    assert told[1].findings == (DEVICES[0],)


def test_a_moment_is_not_worth_a_message() -> None:
    """What is wrong at every other look is told once at most, and never as an endless to and fro."""
    days = Days()
    told = [notice for _ in range(30) for notice in days.look(BROKER) + days.look()]
    assert told == []
    days.look(BROKER, minutes=5)
    told = [notice for _ in range(30) for notice in days.look(BROKER) + days.look()]
    assert told == []


def test_quiet_hours_hold_back_and_end_in_one_summary() -> None:
    """What began by night and is wrong still, and what began and ended, stand in one message in the morning."""
    days = Days(Habits(quiet=(time(22), time(7))), start=MONDAY.replace(hour=21, minute=55))
    days.look(minutes=10)
    other = Finding(Key("disk", "a"))
    assert days.look(BROKER, minutes=30) + days.look(other, minutes=30) == []
    told = days.look(other, minutes=12 * 60)
    assert [notice.news for notice in told] == ["summary"]
    assert told[0].findings == (other,)
    assert told[0].over == (BROKER,)


def test_a_quiet_night_has_no_summary() -> None:
    """Nothing is sent in the morning when nothing happened."""
    days = Days(Habits(quiet=(time(22), time(7))), start=MONDAY.replace(hour=21))
    assert days.look(minutes=24 * 60) == []


def test_the_digest_comes_every_week_and_says_when_all_is_well() -> None:
    """Each Monday at eight there is one; a good week is told as such, a bad one with what was and what is."""
    days = Days(Habits(digest=(0, time(8))))
    told = days.look(minutes=8 * 24 * 60)
    assert [(notice.news, notice.findings, notice.over) for notice in told] == [("digest", (), ())]
    days.look(BROKER, minutes=30)
    days.look(minutes=30)
    told = days.look(DEVICES[1], minutes=7 * 24 * 60)
    digest = next(notice for notice in told if notice.news == "digest")
    assert (digest.findings, digest.over) == ((DEVICES[1],), (BROKER,))


def test_a_restart_tells_nothing_twice() -> None:
    """What was told before stays told, its end is told, and the digest is not sent again."""
    days = Days(Habits(digest=(0, time(8))))
    days.look(BROKER, minutes=10)
    again = Days(Habits(digest=(0, time(8))), start=MONDAY + timedelta(minutes=10))
    again.alerts = Alerts.resumed(Habits(digest=(0, time(8))), days.alerts.as_json(), now_s=0.0)
    assert again.look(BROKER, minutes=60) == []
    assert [notice.news for notice in again.look(minutes=10)] == ["recovered"]
    assert Alerts.resumed(Habits(), {"open": [1, {"cause": "?"}], "digest": "x"}, now_s=0.0).open == ()


def test_a_counter_is_frozen_when_energy_passes_beside_it() -> None:
    """Without power a counter may stand for ever; with two kilowatt-hours past it, it is frozen until it moves."""
    frozen, meter = FrozenCounters(), ("a", "meter")
    assert not any(frozen.look(meter, {"elec_energy_import": 5.0}, 0.0, now_s=n * 60.0) for n in range(3000))
    seen = [frozen.look(meter, {"elec_energy_import": 5.0}, 1.0, now_s=200_000 + n * 60.0) for n in range(200)]
    assert 100 < seen.index(True) < 130
    assert not frozen.look(meter, {"elec_energy_import": 5.1}, 1.0, now_s=300_000.0)


def test_what_is_explained_neither_begins_nor_ends() -> None:
    """A device that was told before its gateway fell silent is not reported well while nobody can know."""
    days, gateway = Days(), Finding(Key("gateway", "a"), under=(Key("broker"),))
    assert [notice.news for notice in days.look(DEVICES[0], minutes=10)] == ["problem"]
    told = days.look(DEVICES[0], gateway, minutes=30) + days.look(gateway, minutes=30)
    assert [notice.findings for notice in told] == [(gateway,)]
    again = Days(start=MONDAY + timedelta(minutes=70))
    again.alerts = Alerts.resumed(Habits(), days.alerts.as_json(), now_s=0.0)
    assert again.look(gateway, minutes=30) == []
    told = again.look(minutes=10)
    assert sorted(each.key.cause for notice in told for each in notice.over) == ["device", "gateway"]


def test_a_restart_by_night_forgets_nothing_of_the_summary() -> None:
    """What waits for the end of the quiet hours is told then, whoever was restarted meanwhile."""
    habits = Habits(quiet=(time(22), time(7)))
    days = Days(habits, start=MONDAY.replace(hour=23))
    days.look(BROKER, minutes=30)
    days.look(DEVICES[0], minutes=30)
    again = Days(habits, start=MONDAY.replace(hour=23) + timedelta(minutes=60))
    again.alerts = Alerts.resumed(habits, days.alerts.as_json(), now_s=0.0)
    told = again.look(DEVICES[0], minutes=10 * 60)
    assert [(notice.news, notice.over) for notice in told] == [("summary", (BROKER,))]
    assert [each.key for each in told[0].findings] == [DEVICES[0].key]


def test_a_day_that_was_incomplete_has_no_end_to_tell() -> None:
    """The next midnight makes no day whole."""
    days, incomplete = Days(), Finding(Key("incomplete", "a", "meter"))
    assert [notice.news for notice in days.look(incomplete, minutes=600)] == ["problem"]
    assert days.look(minutes=20) == []
    assert [notice.news for notice in days.look(incomplete, minutes=600)] == ["problem"]
