"""What the watchman finds in the facts of a role, and what explains what."""

from pathlib import Path
from typing import cast

from gateway.app.alerts import write
from gateway.app.alerts_look import Around, Lookout
from gateway.core.quantity import load_vocabulary
from gateway.energy.alerts import Alerts, Finding, Habits, Key, Notice
from gateway.web.facts import (
    Completeness,
    DeliveryFacts,
    DestinationFacts,
    DeviceFacts,
    DeviceState,
    Facts,
    ProfileFacts,
    SiteFacts,
    Trouble,
)
from tests.energy.test_alerts import MONDAY

PROFILE = ProfileFacts("eastron/sdm630", "00000000", "Eastron", "SDM630", "meter", "modbus")

DAY_MS = 86_400_000


class Sites:
    """The facts of a collector with one site of sixty devices."""

    def __init__(self) -> None:
        self.state: DeviceState = "ok"
        self.age_s = 5.0
        self.yesterday: Completeness | None = None
        self.delivered: DeliveryFacts | None = None
        self.troubles: tuple[Trouble, ...] = ()
        self.buses = dict.fromkeys(range(60), "")

    def sites(self) -> list[SiteFacts]:
        return [SiteFacts("a", "Aaboulevarden", "UTC", 60, age_s=self.age_s, troubles=self.troubles)]

    def delivery(self, _site: str) -> DeliveryFacts | None:
        return self.delivered

    def devices(self, site: str) -> list[DeviceFacts]:
        return [
            DeviceFacts(
                site,
                f"meter_{n}",
                PROFILE,
                self.state,
                interval_s=10.0,
                bus=self.buses[n],
                completeness=Completeness(DAY_MS, 180, 180, until_ms=DAY_MS + 1_800_000, counted="store"),
                yesterday=self.yesterday,
            )
            for n in range(60)
        ]


def lookout(sites: Sites, folder: Path, *, connected: bool = True, troubles: dict[str, int] | None = None) -> Lookout:
    around = Around(folder, "mqtts://broker", lambda: connected, lambda: troubles or {}, disk=lambda _: (50, 100))
    return Lookout(cast("Facts", sites), load_vocabulary(), around, language="en")


def test_a_state_is_said_in_the_language_of_the_mail(tmp_path: Path) -> None:
    """A Danish mail says why a device gives no values in the words of the Danish page."""
    sites = Sites()
    sites.state, sites.buses = "no_answer", {n: f"bus_{n}" for n in range(60)}
    danish = Lookout(cast("Facts", sites), load_vocabulary(), Around(tmp_path, disk=lambda _: (50, 100)), language="da")
    found = danish.look(10.0)
    assert {finding.words["state"] for finding in found if finding.key.cause == "device"} == {"intet svar"}


def causes(findings: list[Finding]) -> set[str]:
    return {finding.key.cause for finding in findings}


def test_a_dead_broker_is_one_mail_though_sixty_devices_fall_silent(tmp_path: Path) -> None:
    """Gateway and devices are found silent too, and the one message names the broker."""
    sites = Sites()
    sites.state, sites.age_s = "silent", 900.0
    look = lookout(sites, tmp_path, connected=False)
    alerts = Alerts(Habits(patience_s=60.0))
    told: list[Notice] = []
    for minute in range(30):
        found = look.look(minute * 60.0)
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


def test_yesterday_incomplete_is_found_once_nothing_of_it_can_come_any_more(tmp_path: Path) -> None:
    """Half a day is found with its share in words, unless readouts of it still wait at the gateway."""
    sites = Sites()
    look = lookout(sites, tmp_path)
    assert causes(look.look(0.0)) == set()
    sites.yesterday = Completeness(0, 8640, 4320, until_ms=DAY_MS, counted="store")
    found = [each for each in look.look(60.0) if each.key.cause == "incomplete"]
    assert len(found) == 60
    assert "50" in found[0].words["share"]
    sites.delivered = delivered(DestinationFacts("mqtt", 9, DAY_MS - 1, 0, 0, 0, 0, 0, 0))
    assert causes(look.look(120.0)) == set()
    sites.delivered = delivered(DestinationFacts("mqtt", 9, DAY_MS, 0, 0, 0, 0, 0, 0))
    assert causes(look.look(180.0)) == {"incomplete"}
    sites.yesterday = Completeness(0, 8640, 8300, until_ms=DAY_MS, counted="store")
    assert causes(look.look(240.0)) == set()


def test_what_a_gateway_says_is_found_at_the_collector(tmp_path: Path) -> None:
    """A wrong clock, a disk that fills and a bus that is down are a cause each, all explained by a silent gateway."""
    sites = Sites()
    look = lookout(sites, tmp_path)
    sites.troubles = (Trouble("clock", "warning"), Trouble("disk", "warning", {"free": "1.0 GB"}))
    sites.buses |= {0: "rs485_1", 1: "rs485_1"}
    sites.state = "no_answer"
    found = {(each.key.cause, each.key.subject): each for each in look.look(0.0) if each.key.site}
    assert {cause for cause, _ in found} == {"clock", "disk", "bus", "device"}
    assert found["disk", ""].words["free"] == "1.0 GB"
    assert Key("bus", "a", "rs485_1") in found["device", "meter_1"].under
    assert Key("bus", "a", "rs485_1") not in found["device", "meter_2"].under
    assert all(Key("gateway", "a") in each.under for each in found.values())
    sites.age_s = 900.0
    told = Alerts(Habits(patience_s=0.0)).look(
        [each for each in look.look(60.0) if each.key.site], now_s=60.0, local=MONDAY
    )
    assert [[each.key.cause for each in notice.findings] for notice in told] == [["gateway"]]


def delivered(way: DestinationFacts) -> DeliveryFacts:
    return DeliveryFacts("a", "1.0", 0, 0, None, 0, None, None, None, (way,))
