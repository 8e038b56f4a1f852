"""The pages of a gateway that is elsewhere: what it told, when it did, and nothing that only its own page can do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.web.facts import BusFacts, Completeness, DeliveryFacts
from tests.fakes_web import FakeFacts, device, running_page, visitor

TOLD_MS = 1_795_320_000_000


@dataclass
class RemoteFacts(FakeFacts):
    """What a collector knows of a site."""

    synchronised: bool | None = False
    is_told: bool = True

    def buses(self, site: str) -> Sequence[BusFacts]:
        return [replace(each, traceable=False) for each in super().buses(site)] if self.is_told else []

    def delivery(self, site: str) -> DeliveryFacts | None:
        known = super().delivery(site)
        if known is None or not self.is_told:
            return None
        return replace(known, synchronised=self.synchronised, started_ms=None, told_ms=TOLD_MS)


async def page(facts: FakeFacts, path: str, *, status: int = 200) -> str:
    async with running_page(facts) as running, visitor(running.url) as session, session.get(path) as answer:
        assert answer.status == status
        return await answer.text()


async def test_buses_are_shown_as_they_were_told_and_not_watched() -> None:
    """Figures and learnt holes are there, with the time at which the gateway said so; its frames are not."""
    shown = await page(RemoteFacts(), "/site/house/buses")
    assert "As the gateway said at" in shown
    assert "refuses a request across 8 to 11" in shown
    assert "data-trace" not in shown
    await page(RemoteFacts(), "/live/site/house/buses/rs485_1/trace", status=404)
    assert "data-trace" in (here := await page(FakeFacts(), "/site/house/buses"))
    assert "As the gateway said at" not in here


async def test_a_clock_of_which_nobody_says_anything_is_not_known() -> None:
    """Right, wrong and unknown are three words; a figure that nobody told is no figure."""
    assert "not synchronised" in await page(RemoteFacts(), "/site/house/delivery")
    shown = await page(RemoteFacts(synchronised=None), "/site/house/delivery")
    assert "not known" in shown
    assert "kvarter_clock_synchronised" not in await page(RemoteFacts(synchronised=None), "/metrics")
    assert 'kvarter_clock_synchronised{site="house"} 0' in await page(RemoteFacts(), "/metrics")


async def test_a_gateway_that_has_said_nothing_is_waited_for() -> None:
    """Both pages say so in a sentence, and the API has no delivery."""
    facts = RemoteFacts(is_told=False)
    assert "has not said anything of its buses" in await page(facts, "/site/house/buses")
    assert "has not said yet how it delivers" in await page(facts, "/site/house/delivery")
    await page(facts, "/api/v1/sites/house/delivery", status=404)


async def test_what_is_missing_is_told_apart() -> None:
    """A device shows yesterday, what gave no value and what is in gaps; a count without a store says so."""
    stored = Completeness(TOLD_MS, 8640, 8000, 40, TOLD_MS + 1, "store")
    yesterday = Completeness(0, 8640, 6480, 0, TOLD_MS, "store")
    shown = await page(
        FakeFacts(known=[device(completeness=stored, yesterday=yesterday)]), "/site/house/device/main_meter"
    )
    assert "40 without a value, 600 in gaps, of 8640" in shown
    assert "75" in shown
    assert "> since the start<" not in shown
    started = await page(FakeFacts(), "/site/house/device/main_meter")
    assert "> since the start<" in started
    assert "without a value, of 100 since the start" in started
    assert "in gaps" not in started.split("Missing today")[1][:200]


async def test_the_head_of_a_site_says_for_all_its_cards_where_it_counts_from() -> None:
    """On a card the words would take a second line: they are heard there, and seen once at the head."""
    shown = await page(FakeFacts(), "/site/house")
    assert '<span class="quiet"> since the start</span>' in shown.split("</dl>")[0]
    assert shown.count('<span class="outside"> since the start</span>') == 1
