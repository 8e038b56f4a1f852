"""When people are told: one message per cause, its end, quiet hours, and a digest every week. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Literal, Self

Cause = Literal["broker", "store", "disk", "gateway", "clock", "bus", "device", "counter", "incomplete"]
News = Literal["problem", "recovered", "summary", "digest"]


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What is wrong where; one thing at a time."""

    cause: Cause
    site: str = ""
    subject: str = ""
    """Device, bus or store."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now."""

    key: Key
    words: Mapping[str, str] = field(default_factory=dict)
    """What the texts name in braces."""
    under: tuple[Key, ...] = ()
    """Causes that explain it: while one of them is found, nobody is told of this."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to send."""

    news: News
    findings: tuple[Finding, ...] = ()
    """What is wrong; in a summary and a digest all that is wrong now, none when all is well."""
    over: tuple[Finding, ...] = ()
    """What was wrong and is right again."""


@dataclass(frozen=True, slots=True)
class Habits:
    """When people want to be told."""

    patience_s: float = 120.0
    """What is wrong for less is not worth a message."""
    calm_s: float = 120.0
    """What is right for less is not believed."""
    quiet: tuple[time, time] | None = None
    """From, until; what happens between is told in one message at the end."""
    digest: tuple[int, time] | None = None
    """Day of the week, 0 for Monday, and local time."""


@dataclass(slots=True)
class _State:
    finding: Finding
    since_s: float
    gone_s: float | None = None
    told: bool = False
    """People were told, or it waits for the end of the quiet hours."""


class Alerts:
    """Decides what is told, from what is found at every look.

    Args:
        habits: When people want to be told.
    """

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._states: dict[Key, _State] = {}
        self._held: dict[Key, Finding] = {}
        """Began in the quiet hours and nobody was told."""
        self._held_over: dict[Key, Finding] = {}
        self._was_quiet = False
        self._digest: datetime | None = None
        self._week: dict[Key, Finding] = {}
        """What people were told since the last digest."""

    def look(self, findings: Iterable[Finding], *, now_s: float, local: datetime) -> list[Notice]:
        """Return what is to be told now.

        Args:
            findings: All that is wrong.
            now_s: Monotonic clock.
            local: The wall clock where people are.
        """
        found = {finding.key: finding for finding in findings}
        began = self._begin(self._causes(found), now_s)
        ended = self._end(found, now_s)
        self._week.update({finding.key: finding for finding in began})
        notices: list[Notice] = []
        is_quiet = self._is_quiet(local.time())
        if is_quiet:
            self._hold(began, ended)
        else:
            if self._was_quiet:
                notices += self._summary()
            notices += [Notice("problem", group) for group in _grouped(began)]
            notices += [Notice("recovered", (), group) for group in _grouped(ended)]
        self._was_quiet = is_quiet
        if not is_quiet:
            notices += self._digests(local)
        return notices

    @property
    def open(self) -> tuple[Finding, ...]:
        """What people were told and is still wrong."""
        return tuple(state.finding for _, state in sorted(self._states.items()) if state.told)

    def as_json(self) -> dict[str, object]:
        """Return what a restart must know, so that nothing is told twice."""
        return {
            "open": [_tree(finding) for finding in self.open],
            "week": [_tree(finding) for finding in self._week.values()],
            "held": [_tree(finding) for finding in self._held.values()],
            "held_over": [_tree(finding) for finding in self._held_over.values()],
            "quiet": self._was_quiet,
            "digest": None if self._digest is None else self._digest.isoformat(),
        }

    @classmethod
    def resumed(cls, habits: Habits, tree: Mapping[str, object], *, now_s: float) -> Self:
        """Return alerts that go on where others stopped; what cannot be read is as if it had not been told."""
        alerts = cls(habits)
        for finding in _findings(tree.get("open")):
            alerts._states[finding.key] = _State(finding, now_s, told=True)
        alerts._week = {finding.key: finding for finding in _findings(tree.get("week"))}
        alerts._held = {finding.key: finding for finding in _findings(tree.get("held"))}
        alerts._held_over = {finding.key: finding for finding in _findings(tree.get("held_over"))}
        alerts._was_quiet = tree.get("quiet") is True
        digest = tree.get("digest")
        if isinstance(digest, str):
            try:
                alerts._digest = datetime.fromisoformat(digest)
            except ValueError:
                alerts._digest = None
        return alerts

    def _causes(self, found: Mapping[Key, Finding]) -> dict[Key, Finding]:
        """Return what nothing else explains; a cause that ended a moment ago still explains."""
        explains = set(found) | {key for key, state in self._states.items() if state.told}
        return {key: finding for key, finding in found.items() if not explains & set(finding.under)}

    def _begin(self, causes: Mapping[Key, Finding], now_s: float) -> list[Finding]:
        began = []
        for key, finding in causes.items():
            state = self._states.setdefault(key, _State(finding, now_s))
            state.finding, state.gone_s = finding, None
            if not state.told and now_s - state.since_s >= self._habits.patience_s:
                state.told = True
                began.append(finding)
        return began

    def _end(self, found: Mapping[Key, Finding], now_s: float) -> list[Finding]:
        """Return what is over: of what something else explains nobody knows whether it is."""
        ended = []
        causes = self._causes(found)
        for key, state in list(self._states.items()):
            if key in causes:
                continue
            if not state.told:
                del self._states[key]
                continue
            if key in found or set(state.finding.under) & found.keys():
                state.gone_s = None
                continue
            state.gone_s = now_s if state.gone_s is None else state.gone_s
            if now_s - state.gone_s >= self._habits.calm_s:
                del self._states[key]
                if key.cause not in _WITHOUT_END:
                    ended.append(state.finding)
        return ended

    def _is_quiet(self, now: time) -> bool:
        if self._habits.quiet is None:
            return False
        start, end = self._habits.quiet
        return start <= now < end if start <= end else now >= start or now < end

    def _hold(self, began: Iterable[Finding], ended: Iterable[Finding]) -> None:
        self._held.update({finding.key: finding for finding in began})
        self._held_over.update({finding.key: finding for finding in ended})
        for finding in began:
            self._held_over.pop(finding.key, None)

    def _summary(self) -> list[Notice]:
        """Return one message about the quiet hours, none where nothing happened in them."""
        open_now = tuple(self._held[key] for key in sorted(self._held) if key in self._states)
        over = tuple(self._held_over[key] for key in sorted(self._held_over))
        self._held, self._held_over = {}, {}
        return [Notice("summary", open_now, over)] if open_now or over else []

    def _digests(self, local: datetime) -> list[Notice]:
        if self._habits.digest is None:
            return []
        weekday, at = self._habits.digest
        due = local.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
        due -= timedelta(days=(local.weekday() - weekday) % 7)
        due -= timedelta(days=7) if due > local else timedelta()
        before, self._digest = self._digest, due
        if before is None or before >= due:
            return []
        over = tuple(self._week[key] for key in sorted(self._week) if key not in self._states)
        self._week = {finding.key: finding for finding in self.open}
        return [Notice("digest", self.open, over)]


def _grouped(findings: Iterable[Finding]) -> list[tuple[Finding, ...]]:
    """Return findings of one cause at one site together: sixty silent devices are one message."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda each: each.key):
        groups.setdefault((finding.key.cause, finding.key.site), []).append(finding)
    return [tuple(group) for group in groups.values()]


_CAUSES: tuple[Cause, ...] = (
    "broker", "store", "disk", "gateway", "clock", "bus", "device", "counter", "incomplete",
)  # fmt: skip
_WITHOUT_END: frozenset[Cause] = frozenset({"incomplete"})
"""Of a day that is over there is nothing to tell when the next one ends, too."""
_MOST_KEPT = 10_000
"""Findings of one kind in a file; a longer one is not ours."""


def _tree(finding: Finding) -> dict[str, object]:
    key = finding.key
    under = [[each.cause, each.site, each.subject] for each in finding.under]
    named = {"cause": key.cause, "site": key.site, "subject": key.subject}
    return {**named, "words": dict(finding.words), "under": under}


def _findings(tree: object) -> Sequence[Finding]:
    found = []
    for each in tree[:_MOST_KEPT] if isinstance(tree, list) else ():
        if not isinstance(each, dict):
            continue
        key = _key(each.get("cause"), each.get("site"), each.get("subject"))
        words, under = each.get("words"), each.get("under")
        if key is not None and isinstance(words, dict):
            found.append(Finding(key, {str(name): str(word) for name, word in words.items()}, _keys(under)))
    return found


def _keys(tree: object) -> tuple[Key, ...]:
    parts = [each for each in tree if isinstance(each, list) and len(each) == 3] if isinstance(tree, list) else []  # noqa: PLR2004 - cause, site, subject
    return tuple(key for cause, site, subject in parts if (key := _key(cause, site, subject)) is not None)


def _key(cause: object, site: object, subject: object) -> Key | None:
    """Return the key that a file names, None where it names none."""
    known = next((each for each in _CAUSES if each == cause), None)
    return None if known is None else Key(known, str(site or ""), str(subject or ""))
