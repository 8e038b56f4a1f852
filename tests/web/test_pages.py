"""What the pages show, how they are kept fresh, and what the API says."""

import asyncio
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator as Validator
from openapi_spec_validator import validate

from gateway.core.errors import SinkUnavailable
from gateway.web.facts import EventFacts, TraceLine, Trouble
from gateway.web.history_page import history_page
from gateway.web.texts import LANGUAGES
from tests.fakes import FakeClock
from tests.fakes_web import ENERGY, METER, NASTY, POWER, FakeFacts, device, every_page, reset_of, running_page, visitor
from tests.web.past import store_with

PATHS = ("/site/house", "/site/house/device/main_meter", "/site/house/buses", "/site/house/delivery")


class Reader(HTMLParser):
    """Notes elements, their attributes and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


async def fetch(session: aiohttp.ClientSession, path: str) -> str:
    async with session.get(path) as answer:
        assert answer.status == 200, path
        return await answer.text()


async def events_of(answer: aiohttp.ClientResponse, count: int) -> list[dict[str, Any]]:
    """The next events of a stream."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            line = await answer.content.readline()
            if line.startswith(b"data: "):
                found.append(json.loads(line[6:]))
    return found


async def test_a_card_tells_the_story_of_its_device() -> None:
    """A card holds what the device is, its main values, its state, today's share, and what to do when it is wrong."""
    silent = device("boiler", label="Boiler", state="no_answer", troubles=(Trouble("no_answer", "error"),))
    async with running_page(FakeFacts(known=[device(), silent])) as page, visitor(page.url) as session:
        text = " ".join(read(await fetch(session, "/site/house")).text)
    for words in ("Main meter", "Eastron SDM630", "1.23", "kW", "99.0 %", "answers", "Boiler", "no answer"):
        assert words in text.replace("\u00a0", " "), words
    assert "Check its supply, wires A and B" in text
    assert "1 of 2 devices answer" in text


async def test_a_device_shows_every_point_with_its_registers() -> None:
    """A point has value, unit, raw registers, place, age and quality; the page names profile, source and caveats."""
    async with running_page() as page, visitor(page.url) as session:
        text = " ".join(read(await fetch(session, PATHS[1])).text)
    for words in ("449A 5000", "input", "elec_power_active", "implausible", "eastron/sdm630", "Protocol · 1.8"):
        assert words in text, words
    assert "Energies are float32." in text
    assert "answers 99" in text


@pytest.mark.parametrize("path", ["/site/elsewhere", "/site/house/device/none", "/site/elsewhere/buses", "/nowhere"])
async def test_what_is_not_there_is_explained(path: str) -> None:
    """A wrong address gives a page that says so and leads back."""
    async with running_page() as page, visitor(page.url) as session, session.get(path) as answer:
        assert answer.status == 404
        assert "There is nothing here" in await answer.text()


async def test_names_from_files_and_devices_are_text() -> None:
    """Markup in a name, label, serial number, event or trouble is shown, never obeyed."""
    bad = device(
        label=NASTY,
        serial_number=NASTY,
        settings={NASTY: NASTY},
        profile=replace(METER, maker=NASTY, model=NASTY, caveats=(NASTY,)),
        points=(replace(POWER, origin={"table": NASTY}), ENERGY),
        troubles=(Trouble("partial", "warning", {"points": NASTY}),),
    )
    facts = FakeFacts(name=NASTY, known=[bad], happened=[reset_of("main_meter")])
    async with running_page(facts) as page, visitor(page.url) as session:
        for path in PATHS:
            seen = read(await fetch(session, path))
            assert not [attributes for tag, attributes in seen.tags if tag == "script" and "src" not in attributes]
            assert not [tag for tag, attributes in seen.tags if "onerror" in attributes or attributes.get("src") == "x"]
            assert NASTY in "".join(seen.text)
        async with session.get("/live/site/house") as answer:
            (event,) = await events_of(answer, 1)
        assert "<img" not in event["f"]["card-main_meter"]


async def test_every_page_speaks_every_language() -> None:
    """No sentence is missing in any language, and the document says which one it is in."""
    every = [Trouble(code, "notice") for code in ("clock", "waiting", "refusing", "disk")]
    facts = FakeFacts(troubles=tuple(every))
    async with running_page(facts) as page:
        for language in LANGUAGES:
            async with visitor(page.url, **{"Accept-Language": f"xx,{language};q=0.8"}) as session:
                for path in PATHS:
                    html = await fetch(session, path)
                    assert f'<html lang="{language}">' in html
                    keys = re.findall(
                        r"(?<![\w.])(?:nav|site|bus|device|delivery|state|trouble|flow|kind|role|quality)\.[a-z_]+",
                        html,
                    )
                    assert keys == [], (language, path)


async def test_the_language_that_was_chosen_stays() -> None:
    """The switch in the foot is remembered, and leads back to the page it was on."""
    async with running_page() as page, visitor(page.url) as session:
        token = re.findall(r'name="csrf" content="(\w+)"', await fetch(session, PATHS[2]))[0]
        form = {"csrf": token, "language": "da", "next": PATHS[2]}
        async with session.post("/language", data=form) as answer:
            assert answer.url.path == PATHS[2]
            assert "Busser" in await answer.text()
        assert "Busser" in await fetch(session, PATHS[2])


async def test_an_open_page_hears_what_changed_and_only_that() -> None:
    """The first event holds everything, the next one what is different, and an idle one says that all is well."""
    async with running_page() as page, visitor(page.url) as session, session.get("/live/site/house") as answer:
        (first,) = await events_of(answer, 1)
        assert set(first["f"]) == {"card-main_meter", "flow", "summary"}
        assert first["a"] == {"main_meter": 0.5}
        warmer = replace(POWER, value=2345.0)
        page.facts.known = [device(points=(warmer, ENERGY), age_s=0.2)]
        page.facts.changes.put_nowait(frozenset({("house", "main_meter")}))
        page.facts.changes.put_nowait(frozenset())
        page.facts.changes.put_nowait(frozenset({("house", "main_meter")}))
        second, idle, same = await events_of(answer, 3)
    assert set(second["f"]) == {"card-main_meter", "flow"}
    assert "2.3" in second["f"]["card-main_meter"]
    assert idle == {"f": {}, "a": {}}
    assert same["f"] == {}


async def test_an_update_is_as_large_as_what_changed() -> None:
    """Of twenty devices on a page only the one that changed is drawn and sent again."""
    known = [device(f"meter_{number}") for number in range(20)]
    async with (
        running_page(FakeFacts(known=known)) as page,
        visitor(page.url) as session,
        session.get("/live/site/house") as answer,
    ):
        (first,) = await events_of(answer, 1)
        known[7] = device("meter_7", points=(replace(POWER, value=4321.0), ENERGY))
        page.facts.changes.put_nowait(frozenset({("house", "meter_7")}))
        (second,) = await events_of(answer, 1)
    assert [key for key in second["f"] if key.startswith("card-")] == ["card-meter_7"]
    assert set(second["a"]) == {"meter_7"}
    assert len(json.dumps(second)) < len(json.dumps(first)) / 5


async def test_a_browser_that_leaves_leaves_nothing_behind() -> None:
    """When the connection is gone, so is what was kept for it."""
    async with running_page() as page, visitor(page.url) as session:
        async with session.get(f"/live{PATHS[1]}") as answer:
            await events_of(answer, 1)
        async with asyncio.timeout(10):
            while page.facts.watching or page.application.door.streams:
                page.facts.changes.put_nowait(frozenset())
                await asyncio.sleep(0)
        assert page.application.door.streams == 0


async def test_only_so_many_pages_are_kept_fresh() -> None:
    """A visitor who opens streams without end is told to wait; pages still load."""
    async with running_page() as page, visitor(page.url) as session:
        page.application.door.streams = 40
        async with session.get("/live/site/house") as answer:
            assert answer.status == 503
        assert "Main meter" in await fetch(session, "/site/house")
        page.application.door.streams = 0


async def test_a_trace_shows_frames_as_they_pass() -> None:
    """Each frame of the bus reaches the page with its annotation; an unknown bus has none."""
    frame = TraceLine("2026-11-22T19:00:00.123Z", "out", "modbus", "unit 1 reads 2 input registers", "01 04")
    async with running_page() as page, visitor(page.url) as session:
        page.facts.frames.put_nowait(frame)
        async with session.get("/live/site/house/buses/rs485_1/trace") as answer:
            (event,) = await events_of(answer, 1)
        assert event == {
            "time": frame.time,
            "direction": "out",
            "protocol": "modbus",
            "text": frame.text,
            "hex": "01 04",
        }
        async with session.get("/live/site/house/buses/none/trace") as answer:
            assert answer.status == 404


async def test_the_description_of_the_api_is_valid_and_whole() -> None:
    """The OpenAPI document passes its validator and names every route of the API."""
    async with running_page() as page, visitor(page.url) as session:
        description = json.loads(await fetch(session, "/api/v1/openapi.json"))
    validate(description)
    assert set(description["paths"]) >= {
        "/api/v1/sites",
        "/api/v1/sites/{site}/devices",
        "/api/v1/sites/{site}/devices/{device}",
        "/api/v1/sites/{site}/buses",
        "/api/v1/sites/{site}/delivery",
        "/api/v1/sites/{site}/events",
    }
    names = set(description["components"]["schemas"])
    assert {"DeviceFacts", "PointFacts", "BusFacts", "DeliveryFacts", "EventFacts"} <= names


QUESTIONS = {
    "/api/v1/sites/{site}/events": "?limit=5&device=main_meter",
    "/api/v1/history": "?device=main_meter&points=elec_power_active",
    "/api/v1/history.csv": "?series=main_meter:elec_power_active",
}


async def test_every_answer_of_the_api_is_as_described(tmp_path: Path) -> None:
    """Whatever each path answers, rightly or wrongly asked, fits the schema that the description has for its status."""
    pages = [*every_page(), history_page(FakeClock())]
    async with (
        store_with(tmp_path, days=[]) as store,
        running_page(FakeFacts(happened=[reset_of("main_meter")], history=store), pages=pages) as page,
        visitor(page.url) as session,
    ):
        description = json.loads(await fetch(session, "/api/v1/openapi.json"))
        for path, (operation,) in ((path, each.values()) for path, each in description["paths"].items()):
            place = path.replace("{site}", "house").replace("{device}", "main_meter") + QUESTIONS.get(path, "")
            wrong = path.replace("{site}", "none").replace("{device}", "none")
            asked = [place, wrong, f"{place.partition('?')[0]}?limit=x"]
            for address in asked:
                async with session.get(address) as answer:
                    found = operation["responses"][str(answer.status)]["content"][answer.content_type]
                    body = await (answer.json() if answer.content_type == "application/json" else answer.text())
                Validator({**found["schema"], "components": description["components"]}).validate(body)
                assert address != place or answer.status == 200, (address, answer.status)


async def test_the_api_gives_the_facts_as_they_are() -> None:
    """Every fact of a device, bus, delivery and event is in the JSON under its own name."""
    async with running_page(FakeFacts(happened=[reset_of("main_meter")])) as page, visitor(page.url) as session:
        (found,) = json.loads(await fetch(session, "/api/v1/sites/house/devices"))
        assert found["points"][0] | {"value": 1234.5, "raw": [0x449A, 0x5000], "quality": "good"} == found["points"][0]
        assert json.loads(await fetch(session, "/api/v1/sites/house/devices/main_meter")) == found
        assert json.loads(await fetch(session, "/api/v1/sites/house/buses"))[0]["planned_load"] == 0.25
        assert json.loads(await fetch(session, "/api/v1/sites/house/delivery"))["destinations"][0]["waiting"] == 3
        (event,) = json.loads(await fetch(session, "/api/v1/sites/house/events?limit=5"))
        assert event["event"]["cause"] == "reset"
        for path, status in (("events?limit=x", 400), ("events?limit=100000", 400), ("devices/none", 404)):
            async with session.get(f"/api/v1/sites/house/{path}") as answer:
                assert (answer.status, await answer.json()) == (status, {"error": status})


async def test_figures_for_prometheus_escape_their_labels() -> None:
    """Each figure has its type, and a label cannot break out of its quotes."""
    nasty = device('a"b\\c\nd', state="silent")
    async with running_page(FakeFacts(known=[device(), nasty])) as page, visitor(page.url) as session:
        text = await fetch(session, "/metrics")
    assert 'kvarter_device_up{site="house",device="main_meter"} 1\n' in text
    assert 'kvarter_device_up{site="house",device="a\\"b\\\\c\\nd"} 0\n' in text
    assert text.count("# TYPE kvarter_device_up gauge") == 1
    assert 'kvarter_troubles_total{site="house",kind="link_late"} 4\n' in text
    assert all(re.fullmatch(r"# TYPE \w+ \w+|\w+\{.*\} \S+", line) for line in text.splitlines())


class NoStore(FakeFacts):
    """Facts whose store does not answer."""

    async def events(self, site: str, device: str | None, *, limit: int) -> list[EventFacts]:
        raise SinkUnavailable(f"{site} {device} {limit}: no store")


async def test_a_store_that_does_not_answer_costs_only_what_it_holds() -> None:
    """The device page still shows its live values, and the API says 503."""
    async with running_page(NoStore()) as page, visitor(page.url) as session:
        html = await fetch(session, PATHS[1])
        assert "The store does not answer" in html
        assert "1.23" in html
        async with session.get("/api/v1/sites/house/events") as answer:
            assert answer.status == 503
