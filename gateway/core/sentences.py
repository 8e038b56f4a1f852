"""Sentences for people, said in their language: a code and its words, from one packaged table."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

_COMMA = frozenset({"da", "et", "es"})
_DECIMAL = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """Something to be said."""

    code: str
    """In the table."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What the text names in braces; a word that is a code itself is said, too."""

    def __str__(self) -> str:
        """Return it in English."""
        return say(self)


@cache
def sentence_table() -> Mapping[str, Mapping[str, str]]:
    """Return code → language → text."""
    return tomllib.loads(files("gateway.core").joinpath("sentences.toml").read_text(encoding="utf-8"))


def say(sentence: Sentence, language: str = "en") -> str:
    """Return the sentence in a language, the code itself where there is no text."""
    texts = sentence_table().get(sentence.code)
    if texts is None:
        return sentence.code
    return re.sub(r"\{(\w+)\}", lambda m: _word(sentence.words.get(m[1], m[0]), language), texts[language])


def _word(word: str, language: str) -> str:
    texts = sentence_table().get(word)
    if texts is not None:
        return texts[language]
    return word.replace(".", ",") if language in _COMMA and _DECIMAL.fullmatch(word) else word
