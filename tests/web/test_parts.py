"""The pure parts of the page: markup, texts, numbers, flow, sparklines, rates, sessions, certificate."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.quantity import load_vocabulary
from gateway.web.certificate import CERTIFICATE, KEY, ensure_certificate, fingerprint, tls_context
from gateway.web.facts import PointFacts, ProfileFacts
from gateway.web.flow import Stream, flow_of
from gateway.web.flow_drawing import draw
from gateway.web.html import Markup, tag
from gateway.web.numbers import age, measured, number, share, shown, size
from gateway.web.rates import Rate
from gateway.web.sessions import IDLE_S, LONGEST_S, Sessions
from gateway.web.spark import spark
from gateway.web.texts import choose, load_texts
from tests.fakes_web import METER, POWER, device

ENGLISH = load_texts()["en"]


@given(st.text())
def test_text_never_becomes_markup(text: str) -> None:
    """Whatever the text of an element or an attribute is, it holds no tag and no end of an attribute."""
    html = tag("p", text, title=text)
    assert html.count("<") == 2
    assert html.count('"') == 2


def test_markup_is_kept_and_nothing_is_left_out() -> None:
    """Elements nest, empty ones close by themselves, and attributes without a value stand or fall."""
    assert tag("p", tag("br"), None, ["a", Markup("<b>")], class_="x", hidden=True, open=False, data_f=3) == (
        '<p class="x" hidden data-f="3"><br>a<b></p>'
    )


def test_sentences_name_the_same_words_in_every_language() -> None:
    """What is put into a sentence in braces is the same in all four languages, and no sentence is empty."""
    for file in Path("gateway/web/texts").glob("*.toml"):
        for key, sentences in tomllib.loads(file.read_text(encoding="utf-8")).items():
            words = {language: sorted(re.findall(r"\{\w+\}", text)) for language, text in sentences.items()}
            assert len({tuple(each) for each in words.values()}) == 1, (file.name, key, words)
            assert all(text.strip() for text in sentences.values()), (file.name, key)


def test_people_read_no_word_of_ours() -> None:
    """No sentence speaks of runs, lanes, holes or dead letters."""
    for key, text in ENGLISH.sentences.items():
        assert not re.search(r"\b(lane|dead letter|hole)s?\b|\bthe run\b", text, re.IGNORECASE), key


@pytest.mark.parametrize(
    ("cookie", "accept", "language"),
    [
        (None, "", "en"),
        (None, "da-DK,da;q=0.9,en;q=0.8", "da"),
        (None, "fr,es;q=0.3,et;q=0.5", "et"),
        ("es", "da", "es"),
        ("xx", "da", "da"),
        (None, "da;q=nonsense,es;q=0.1", "es"),
    ],
)
def test_language_is_what_was_chosen_or_preferred(cookie: str | None, accept: str, language: str) -> None:
    """A choice holds, else what the browser likes best of what there is, else English."""
    assert choose(cookie, accept) == language


def test_numbers_are_written_as_people_of_a_language_do() -> None:
    """Thousands are apart, the decimal sign is the language's, a minus is a minus, and there is no minus zero."""
    assert number(1234567.891, 1, "en") == "1\u202f234\u202f567.9"
    assert number(-1234.5, 1, "da") == "\u22121\u202f234,5"
    assert number(-0.004, 1, "es") == "0,0"
    assert measured(-1500.0, "W", "en") == ("\u22121.50", "kW")
    assert measured(20.25, "Cel", "et") == ("20,2", "°C")
    assert measured(None, "W", "en") == ("\u2013", "W")
    assert (share(1.0, "en"), share(0.99999, "en"), share(None, "en")) == ("100\u00a0%", "99.9\u00a0%", "\u2013")
    assert (size(999, "en"), size(1_600_000_000, "da"), size(None, "en")) == ("999\u00a0B", "1,6\u00a0GB", "\u2013")
    assert [age(each, ENGLISH) for each in (None, 3.4, 90.0, 7200.0, 864000.0)] == [
        "not yet",
        "3\u00a0s",
        "2\u00a0min",
        "2\u00a0h",
        "10\u00a0d",
    ]


def test_states_are_shown_in_words() -> None:
    """A code that the vocabulary names is shown by its name, another one as it is."""
    vocabulary = load_vocabulary()
    words, unit = shown("ev_state", 2, vocabulary, load_texts()["da"])
    assert words == vocabulary["ev_state"].states[2]["da"]
    assert unit == ""


def test_the_flow_adds_up() -> None:
    """What arrives leaves: grid, sun and battery feed heat pump, charger and the rest."""
    plant = device("roof", role="pv", points=(_point("pv_power_ac", 3000.0),), profile=_kind("pv_inverter"))
    store = device("store", role="battery", points=(_point("bat_power", -500.0),), profile=_kind("battery"))
    pump = device("pump", role="heat_pump", points=(_point("hp_elec_power", 1200.0),), profile=_kind("heat_pump"))
    grid = device(points=(_point("elec_power_active", 1000.0),))
    flow = flow_of([grid, plant, store, pump])
    assert flow is not None
    assert flow.sources == (Stream("grid", 1000.0), Stream("pv", 3000.0), Stream("battery", 500.0))
    assert flow.uses == (Stream("heat_pump", 1200.0), Stream("rest", 3300.0))
    assert flow.total_w == sum(each.power_w for each in flow.uses)


def test_what_is_exported_is_a_use() -> None:
    """A negative power at the grid leaves the building, and a battery that charges does, too."""
    plant = device("roof", role="pv", points=(_point("pv_power_ac", 5000.0),), profile=_kind("pv_inverter"))
    store = device("store", role="battery", points=(_point("bat_power", 1000.0),), profile=_kind("battery"))
    flow = flow_of([device(points=(_point("elec_power_active", -3000.0),)), plant, store])
    assert flow is not None
    assert flow.uses == (Stream("battery", 1000.0), Stream("grid", 3000.0), Stream("rest", 1000.0))


def test_a_meter_is_believed_over_the_device() -> None:
    """Where a meter measures the chargers, what they say themselves is not added."""
    charger = device("c1", role="charger", points=(_point("ev_power", 9000.0),), profile=_kind("ev_charger"))
    meter = device("m1", role="charger", points=(_point("elec_power_active", 10000.0),))
    flow = flow_of([device(points=(_point("elec_power_active", 12000.0),)), charger, meter])
    assert flow is not None
    assert Stream("charger", 10000.0) in flow.uses


@pytest.mark.parametrize("quality", ["stale", "missing", "unread"])
def test_no_flow_is_drawn_from_what_is_not_known(quality: str) -> None:
    """Without a fresh value at the grid there is no balance, rather than a wrong one."""
    old = device(points=(_point("elec_power_active", 1000.0, quality),))
    assert flow_of([old]) is None
    assert flow_of([]) is None


def test_the_drawing_says_what_it_shows() -> None:
    """The drawing of the flow has a description with every value, and a ribbon for everything that flows."""
    flow = flow_of([device(points=(_point("elec_power_active", 1000.0),))])
    assert flow is not None
    svg = draw(flow, ENGLISH)
    assert "<title>From: Grid 1.00 kW. To: Rest 1.00 kW.</title>" in svg
    assert svg.count('class="ribbon') == 2


def test_a_sparkline_leaves_gaps_empty() -> None:
    """A line is broken where nothing was read, and an empty hour is an empty drawing."""
    step_ms = 20_000
    samples = [(n * step_ms, float(n % 7)) for n in range(100) if not 40 <= n < 60]
    path = re.findall(r'd="([^"]*)"', spark(samples, now_ms=100 * step_ms))[0]
    assert path.count("M") == 2
    assert "path" not in spark([], now_ms=0)
    assert spark([(0, 5.0), (step_ms, 5.0)], now_ms=step_ms).count("14.0") == 2


def test_rates_let_each_visitor_wait_for_themselves() -> None:
    """A visitor who used up what is allowed waits, another one does not."""
    rate = Rate(burst=2, per_s=0.5)
    assert [rate.allows("a", now_s=0) for _ in range(3)] == [True, True, False]
    assert rate.wait_s("a", now_s=0) == 2.0
    assert rate.allows("b", now_s=0)
    assert rate.allows("a", now_s=2)


def test_sessions_end_when_unused_and_after_two_months() -> None:
    """A page open for a week keeps its session, an unused one ends, and none lasts for ever."""
    sessions = Sessions(Random(1))  # noqa: S311 - the test's tokens open nothing
    token = sessions.begin("viewer", now_s=0)
    assert sessions.find(token, now_s=7 * 86400) is not None
    assert sessions.find(token, now_s=7 * 86400 + IDLE_S + 1) is None
    token = sessions.begin("viewer", now_s=0)
    seen = [sessions.find(token, now_s=day * 86400.0) for day in range(0, 70, 5)]
    assert [each is not None for each in seen] == [day * 86400 <= LONGEST_S for day in range(0, 70, 5)]
    assert sessions.find("", now_s=0) is None


def test_the_device_makes_its_own_certificate(tmp_path: Path) -> None:
    """Key and certificate are made once, readable by the owner only, and renewed with the same key for a new name."""
    ensure_certificate(tmp_path, ["192.0.2.7", "kvarter.local"])
    first, key = fingerprint(tmp_path), (tmp_path / KEY).read_bytes()
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", first)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    ensure_certificate(tmp_path, ["kvarter.local"])
    assert fingerprint(tmp_path) == first
    ensure_certificate(tmp_path, ["kvarter.local", "192.0.2.8"])
    assert fingerprint(tmp_path) != first
    assert (tmp_path / KEY).read_bytes() == key
    assert tls_context(tmp_path).minimum_version.name == "TLSv1_2"
    (tmp_path / CERTIFICATE).write_text("damaged", encoding="ascii")
    ensure_certificate(tmp_path, ["kvarter.local"])
    assert fingerprint(tmp_path)


def _point(name: str, value: float, quality: str = "good") -> PointFacts:
    return replace(POWER, name=name, value=value, quality=quality)  # type: ignore[arg-type]


def _kind(kind: str) -> ProfileFacts:
    return replace(METER, kind=kind)
