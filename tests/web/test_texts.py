"""The language tables: whatever a page may say has its sentence, in each of the four languages."""

import re
from pathlib import Path
from typing import get_args

import pytest

from gateway.core.site import Role
from gateway.web.facts import DeviceState, Quality
from gateway.web.texts import LANGUAGES, load_texts

SOURCES = sorted(Path("gateway/web").glob("*.py"))
_WHOLE = re.compile(r"""texts\(\s*"([a-z0-9_.]+)\"""")
_MADE = re.compile(r"""texts\(\s*f"([a-z_.]+\.)\{""")
_TROUBLE = re.compile(r"""Trouble\(\s*"(\w+)\"""")


def test_every_sentence_that_a_page_names_is_there() -> None:
    """No key in the source of a page is without a sentence; one that is put together has at least a family."""
    keys = set(load_texts()["en"].sentences)
    named = {key for source in SOURCES for key in _WHOLE.findall(source.read_text(encoding="utf-8"))}
    heads = {key for source in SOURCES for key in _MADE.findall(source.read_text(encoding="utf-8"))}
    assert len(named) > 50
    assert sorted(named - keys) == []
    assert sorted(head for head in heads if not any(key.startswith(head) for key in keys)) == []


@pytest.mark.parametrize(
    ("head", "codes"),
    [("state.", get_args(DeviceState)), ("quality.", get_args(Quality)), ("role.", get_args(Role))],
)
def test_every_code_has_a_word(head: str, codes: tuple[str, ...]) -> None:
    """Each state, quality and role that the types allow has its word."""
    assert [code for code in codes if not load_texts()["en"].has(f"{head}{code}")] == []


def test_every_trouble_says_what_it_is_and_what_to_do() -> None:
    """Each trouble that the gateway can raise has both of its sentences."""
    codes = {
        code
        for source in (*Path("gateway/app").glob("*.py"), *SOURCES)
        for code in _TROUBLE.findall(source.read_text(encoding="utf-8"))
    }
    assert len(codes) > 4
    wanted = [f"trouble.{code}.{part}" for code in sorted(codes) for part in ("what", "do")]
    assert [key for key in wanted if not load_texts()["en"].has(key)] == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_sentences_are_translated(language: str) -> None:
    """A sentence of several words stands in English in no other language."""
    english = load_texts()["en"].sentences
    other = load_texts()[language].sentences  # type: ignore[index]
    same = [key for key, text in english.items() if len(text.split()) > 3 and other[key] == text]
    assert same == []


def test_scripts_ask_for_words_that_the_page_gives() -> None:
    """Each word that the history's script uses is among those that its page hands over."""
    script = Path("gateway/web/static/history.js").read_text(encoding="utf-8")
    page = Path("gateway/web/history_page.py").read_text(encoding="utf-8")
    used = set(re.findall(r"words\.(\w+)", script))
    handed = set(re.findall(r'"([a-z_.]+)"', page.split("_WORDS = (")[1].split(")")[0]))
    assert used - handed == set()
    assert [word for word in handed if not load_texts()["en"].has(f"history.{word}")] == []
