"""Every sentence of the page in four languages; each page brings a file of its own in the folder `texts`."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

Language = Literal["en", "da", "et", "es"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
LANGUAGE_NAMES: Mapping[Language, str] = {"en": "English", "da": "Dansk", "et": "Eesti", "es": "Español"}


@dataclass(frozen=True, slots=True)
class Texts:
    """The sentences of one language."""

    language: Language
    sentences: Mapping[str, str]

    def __call__(self, key: str, /, **words: object) -> str:
        """Return a sentence with its words put in; the key itself where there is none."""
        sentence = self.sentences.get(key)
        return key if sentence is None else re.sub(r"\{(\w+)\}", lambda m: str(words.get(m[1], m[0])), sentence)

    def has(self, key: str) -> bool:
        """Return whether there is such a sentence."""
        return key in self.sentences


@cache
def load_texts() -> Mapping[Language, Texts]:
    """Return the texts by language.

    Raises:
        ValueError: a packaged file lacks a language, or two files have one key.
    """
    found: dict[Language, dict[str, str]] = {language: {} for language in LANGUAGES}
    for file in sorted(files("gateway.web").joinpath("texts").iterdir(), key=lambda each: each.name):
        if not file.name.endswith(".toml"):
            continue
        for key, sentences in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if set(sentences) != set(LANGUAGES) or key in found["en"]:
                raise ValueError(f"{file.name}: {key}: one sentence in each of {', '.join(LANGUAGES)}, and only once")
            for language in LANGUAGES:
                found[language][key] = sentences[language]
    return {language: Texts(language, sentences) for language, sentences in found.items()}


def choose(cookie: str | None, accept: str) -> Language:
    """Return the language in force: what was chosen, else what the browser prefers, else English."""
    if cookie in LANGUAGES:
        return cookie
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept[:500].split(",")):
        name, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            quality = 0.0
        ranked.append((-quality, place, name[:2].lower()))
    for _, _, name in sorted(ranked):
        if name in LANGUAGES:
            return name
    return "en"
