"""Sentences for people: whole in every language, and of every code that somebody says."""

import re
from pathlib import Path

import pytest

from gateway.core.commissioning import PlausibilityCheck, Said
from gateway.core.sentences import Sentence, say, sentence_table

LANGUAGES = {"en", "da", "et", "es"}
SAYERS = {
    "gateway/energy/plausibility.py": (("finding.", r'_said\(\s*"(\w+)"'), ("advice.", r'_advice\("(\w+)"')),
    "drivers/scan/verdict.py": (("scan.", r'_said\(\s*"(\w+)"'),),
    "gateway/app/page_commissioning.py": (("", r'Sentence\("([\w.]+)"'),),
    "gateway/app/scan.py": (("", r'Sentence\("([\w.]+)"'),),
    "gateway/app/scan_units.py": (("", r'Sentence\("([\w.]+)"'),),
}
"""Who says what, and how its codes are found."""


@pytest.mark.parametrize("code", sentence_table())
def test_each_sentence_stands_in_each_language(code: str) -> None:
    """No language lacks it, none is empty, and all of them name the same words."""
    texts = sentence_table()[code]
    assert set(texts) == LANGUAGES
    assert all(text.strip() for text in texts.values())
    assert len({tuple(sorted(set(re.findall(r"\{\w+\}", text)))) for text in texts.values()}) == 1


@pytest.mark.parametrize("file", SAYERS)
def test_whoever_says_something_finds_it_in_the_table(file: str) -> None:
    """Every code that stands in the source has its text."""
    source = Path(file).read_text(encoding="utf-8")
    codes = [f"{head}{code}" for head, way in SAYERS[file] for code in re.findall(way, source)]
    assert codes
    assert [code for code in codes if code not in sentence_table()] == []


def test_numbers_and_words_follow_the_language() -> None:
    """A decimal comma is put where the language has one, a word that is a code is said, and a name stays as it is."""
    heat = Sentence("finding.heat", {"kind": "finding.word.heat_meter", "power": "1.25", "expected": "-3"})
    assert say(heat) == "heat meter: P = 1.25 kW, flow * ΔT = -3 kW"
    assert say(heat, "da") == "varmemåler: P = 1,25 kW, flow * ΔT = -3 kW"
    assert say(Sentence("scan.one", {"port": "127.0.0.1:502", "count": "1"}), "es").endswith("en 127.0.0.1:502.")
    assert say(Sentence("no.such.code", {"a": "b"}), "et") == "no.such.code"


def test_a_check_is_read_in_each_language_and_an_old_one_as_it_was() -> None:
    """A record that was sealed before sentences had codes has the same fields, and so the same seal."""
    check = PlausibilityCheck(text="in English", points=(), agrees=False, said=(Said(code="advice.sensors"),))
    assert "byttet om" in check.in_language("da")
    old = PlausibilityCheck(text="in English", points=(), agrees=True)
    assert old.in_language("da") == "in English"
    assert set(old.model_dump(mode="json")) == {"text", "points", "agrees"}
