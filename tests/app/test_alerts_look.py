"""What the watchman finds in the facts of a role, and what explains what."""

from pathlib import Path
from typing import cast

from gateway.app.alerts import write
from gateway.app.alerts_look import Around, Lookout
from gateway.core.quantity import load_vocabulary
from gateway.energy.alerts import Alerts, Finding, Habits, Notice
from gateway.web.facts import Completeness, DeviceFacts, DeviceState, Facts, ProfileFacts, SiteFacts
from tests.energy.test_alerts import MONDAY

PROFILE = ProfileFacts("eastron/sdm630", "00000000", "Eastron", "SDM630", "meter", "modbus")


class Sites:
    """The facts of a collector with one site of sixty devices."""

    def __init__(self) -> None:
        self.state: DeviceState = "ok"
        self.age_s = 5.0
        self.day = Completeness(0, 100, 50)

    def sites(self) -> list[SiteFacts]:
        return [SiteFacts("a", "Aaboulevarden", "UTC", 60, age_s=self.age_s)]

    def devices(self, site: str) -> list[DeviceFacts]:
        return [
            DeviceFacts(site, f"meter_{n}", PROFILE, self.state, interval_s=10.0, completeness=self.day)
            for n in range(60)
        ]


def lookout(sites: Sites, folder: Path, *, connected: bool = True, troubles: dict[str, int] | None = None) -> Lookout:
    around = Around(folder, "mqtts://broker", lambda: connected, lambda: troubles or {})
    return Lookout(cast("Facts", sites), load_vocabulary(), around, language="en")


def causes(findings: list[Finding]) -> set[str]:
    return {finding.key.cause for finding in findings if finding.key.cause != "disk"}


def test_a_dead_broker_is_one_mail_though_sixty_devices_fall_silent(tmp_path: Path) -> None:
    """Gateway and devices are found silent too, and the one message names the broker."""
    sites = Sites()
    sites.state, sites.age_s = "silent", 900.0
    look = lookout(sites, tmp_path, connected=False)
    alerts = Alerts(Habits(patience_s=60.0))
    told: list[Notice] = []
    for minute in range(30):
        found = [each for each in look.look(minute * 60.0) if each.key.cause != "disk"]
        assert causes(found) == {"broker", "gateway", "device"}
        told += alerts.look(found, now_s=minute * 60.0, local=MONDAY)
    assert len(told) == 1
    letter = write(told[0], language="en", origin="collector", time="now")
    assert letter.subject == "[collector] Problem: The broker mqtts://broker cannot be reached"
    assert letter.tree["problems"] == [
        {"cause": "broker", "site": "", "subject": "", "words": {"subject": "mqtts://broker"}}
    ]


def test_a_store_that_refuses_is_found_while_it_refuses(tmp_path: Path) -> None:
    """Failures that grow are trouble; those of long ago are not."""
    troubles = {"collector_store_failures": 3}
    look = lookout(Sites(), tmp_path, troubles=troubles)
    assert causes(look.look(0.0)) == {"store"}
    assert causes(look.look(60.0)) == set()
    troubles["collector_store_failures"] = 4
    assert causes(look.look(120.0)) == {"store"}


def test_yesterday_incomplete_is_found_the_day_after(tmp_path: Path) -> None:
    """Half a day is no alert while the day lasts, and one after it, with the share in words."""
    sites = Sites()
    look = lookout(sites, tmp_path)
    assert causes(look.look(0.0)) == set()
    sites.day = Completeness(86_400_000, 10, 10)
    found = [each for each in look.look(60.0) if each.key.cause == "incomplete"]
    assert len(found) == 60
    assert "50" in found[0].words["share"]
