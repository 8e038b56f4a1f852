"""`kvarter profiles list` and `search`: which devices this installation knows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path

from drivers.catalog import Catalog
from drivers.profile import Profile
from gateway.core.errors import ConfigError
from gateway.core.quantity import Vocabulary, load_vocabulary
from gateway.document.validation import nearest

NEAREST = 3
"""So many profiles are named where none fits."""
_WORD = re.compile(r"[^\W_]+")
_WEIGHTS = {"id": 8, "maker": 8, "model": 8, "kind": 4, "protocol": 4, "points": 2, "caveats": 1}


@dataclass(frozen=True)
class Entry:
    """One profile, as a list shows it and as a search sees it."""

    profile: Profile
    vocabulary: Vocabulary

    def row(self) -> tuple[str, ...]:
        """Return id, maker, model, kind, protocol and number of points."""
        profile = self.profile
        kind = profile.kind.replace("_", " ")
        return profile.profile, profile.maker, profile.model, kind, profile.protocol, str(len(profile.points))

    def as_json(self) -> dict[str, object]:
        """Return the entry as the commands print it with --json."""
        profile = self.profile
        return {
            "id": profile.profile,
            "maker": profile.maker,
            "model": profile.model,
            "kind": profile.kind,
            "protocol": profile.protocol,
            "points": [point.point for point in profile.points],
            "verified": [each.model_dump(mode="json") for each in profile.verified],
        }

    @cached_property
    def words(self) -> dict[str, frozenset[str]]:
        """Part of the profile → the words in it."""
        profile = self.profile
        names = [point.point for point in profile.points]
        labels = [self.vocabulary[name].labels["en"] for name in names if name in self.vocabulary]
        texts = {
            "id": profile.profile,
            "maker": profile.maker,
            "model": profile.model,
            "kind": profile.kind,
            "protocol": profile.protocol,
            "points": " ".join((*names, *labels)),
            "caveats": " ".join(profile.caveats),
        }
        return {part: words_of(text) for part, text in texts.items()}

    def score(self, wanted: Sequence[str]) -> float:
        """Return how well the profile fits the words; 0 where one of them is nowhere in it."""
        total = 0.0
        for word in wanted:
            best = max(_WEIGHTS[part] * _fit(word, found) for part, found in self.words.items())
            if not best:
                return 0.0
            total += best
        return total

    def likeness(self, wanted: Sequence[str]) -> float:
        """Return how like the words are to those of maker, model and kind, 0 to 1 for each."""
        known = self.words["id"] | self.words["maker"] | self.words["model"] | self.words["kind"]
        return sum(max(SequenceMatcher(None, word, each).ratio() for each in known) for word in wanted)


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found."""

    entries: tuple[Entry, ...]
    """The best first."""
    nearest: tuple[Entry, ...] = ()
    """Where nothing fits: what is spelt most like it."""


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text in lower case; `SDM-630` and `sdm630` share a word."""
    plain = text.casefold()
    joined = (each.replace("-", "") for each in re.split(r"[\s/,;:()]+", plain))
    return frozenset((*_WORD.findall(plain), *filter(None, joined)))


def load_entries(
    folders: Sequence[Path] = (), *, kind: str | None = None, protocol: str | None = None, maker: str | None = None
) -> list[Entry]:
    """Return the profiles of this installation, by id.

    Args:
        folders: Searched first.
        kind: Only this kind; blanks, hyphens and underscores are the same.
        protocol: Only this protocol.
        maker: Only makers whose name has this in it, in any case.

    Raises:
        ConfigError: a profile is wrong, or there is no such kind, protocol or maker.
    """
    vocabulary = load_vocabulary()
    entries = [Entry(file.profile, vocabulary) for file in Catalog(vocabulary, tuple(folders))]
    if kind is not None:
        wanted = re.sub(r"[\s-]+", "_", kind.strip().casefold())
        kinds = {each.profile.kind for each in entries}
        if wanted not in kinds:
            raise ConfigError(f"--kind: there is no {kind!r}{nearest(wanted, sorted(kinds))}")
        entries = [each for each in entries if each.profile.kind == wanted]
    if protocol is not None:
        protocols = {each.profile.protocol for each in entries}
        if protocol.casefold() not in protocols:
            raise ConfigError(f"--protocol: {protocol!r} is not one of {', '.join(sorted(protocols))}")
        entries = [each for each in entries if each.profile.protocol == protocol.casefold()]
    if maker is not None:
        makers = {each.profile.maker for each in entries}
        entries = [each for each in entries if maker.casefold() in each.profile.maker.casefold()]
        if not entries:
            raise ConfigError(f"--maker: there is no {maker!r}{nearest(maker, sorted(makers))}")
    return entries


def search(entries: Sequence[Entry], text: str) -> Hits:
    """Return the profiles in which each word of the text is found: maker and model weigh most, caveats least."""
    wanted = [word for word in re.split(r"[\s/,;]+", text.casefold()) if _WORD.search(word)]
    if not wanted:
        return Hits(tuple(entries))
    scored = [(entry.score(wanted), entry) for entry in entries]
    found = sorted((each for each in scored if each[0]), key=lambda each: (-each[0], each[1].profile.profile))
    if found:
        return Hits(tuple(entry for _, entry in found))
    close = sorted(entries, key=lambda entry: (-entry.likeness(wanted), entry.profile.profile))
    return Hits((), tuple(close[:NEAREST]))


def _fit(word: str, found: frozenset[str]) -> float:
    """Return how well a word is among others: 1 as it is, less as the beginning or a part of one."""
    plain = word.replace("-", "").replace("_", "")
    if word in found or plain in found:
        return 1.0
    if any(each.startswith(plain) for each in found):
        return 0.75
    if "_" in word and all(part in found for part in word.split("_")):
        return 0.75
    return 0.5 if len(plain) > 1 and any(plain in each for each in found) else 0.0
