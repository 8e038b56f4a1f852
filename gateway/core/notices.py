"""What is worth saying: trouble when it starts or changes, seldom while it lasts, and when it is over."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

_REMEMBERED = 16
"""Texts of one subject."""


@dataclass(slots=True)
class _Trouble:
    """What was said about one subject."""

    said_s: dict[str, float]
    """Text → when it was said last, in this order."""
    unsaid: int = 0
    is_over: bool = False
    is_said: bool = True
    """Since it began last."""


class Notices:
    """Decides for each subject (a device, a site, a store) whether a text is to be logged.

    Args:
        repeat_s: Trouble that lasts is said again after this time.
        change_s: Trouble that changes its text, or comes back, is said again after this time.
        capacity: Subjects remembered; the one that was quiet longest is forgotten first.
    """

    def __init__(self, *, repeat_s: float = 600.0, change_s: float = 10.0, capacity: int = 1000) -> None:
        self._repeat_s = repeat_s
        self._change_s = change_s
        self._capacity = capacity
        self._troubles: OrderedDict[str, _Trouble] = OrderedDict()

    def failed(self, subject: str, text: str, *, now_s: float, texts: int = 1) -> str | None:
        """Return the line to log, None when this was said already; the line counts what was left unsaid before it.

        Args:
            subject: What is in trouble.
            text: What the trouble is.
            now_s: Monotonic clock.
            texts: So many different texts are said within the time for changes.
        """
        trouble = self._troubles.get(subject)
        if trouble is None:
            if len(self._troubles) >= self._capacity:
                self._troubles.popitem(last=False)
            self._troubles[subject] = _Trouble({text: now_s})
            return text
        self._troubles.move_to_end(subject)
        if not self._is_news(trouble, text, now_s=now_s, texts=texts):
            trouble.is_said = trouble.is_said and not trouble.is_over
            trouble.is_over = False
            trouble.unsaid += 1
            return None
        line = f"{text} ({trouble.unsaid} more since the last message)" if trouble.unsaid else text
        trouble.said_s.pop(text, None)
        said_s = dict([*trouble.said_s.items(), (text, now_s)][-_REMEMBERED:])
        self._troubles[subject] = _Trouble(said_s)
        return line

    def _is_news(self, trouble: _Trouble, text: str, *, now_s: float, texts: int) -> bool:
        said_s = trouble.said_s.get(text)
        if said_s is None:
            return sum(now_s - each_s < self._change_s for each_s in trouble.said_s.values()) < texts
        return now_s - said_s >= (self._change_s if trouble.is_over else self._repeat_s)

    def recovered(self, subject: str) -> bool:
        """Return whether the subject was said to be in trouble until now, so that its recovery is worth a line."""
        trouble = self._troubles.get(subject)
        if trouble is None or trouble.is_over:
            return False
        trouble.is_over = True
        return trouble.is_said


class Tidings:
    """Decides when counters of trouble are told again: a new kind at the next look, more of the same seldom.

    Args:
        repeat_s: Counters that only grow are told again after this time.
    """

    def __init__(self, *, repeat_s: float = 60.0) -> None:
        self._repeat_s = repeat_s
        self._told: Mapping[str, int] = {}
        self._told_s = 0.0

    def told(self, counters: Mapping[str, int], *, now_s: float) -> None:
        """Note what was told."""
        self._told = dict(counters)
        self._told_s = now_s

    def is_due(self, counters: Mapping[str, int], *, now_s: float) -> bool:
        """Return whether these are to be told now."""
        if any(count and not self._told.get(name) for name, count in counters.items()):
            return True
        return counters != self._told and now_s - self._told_s >= self._repeat_s


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first single error of a group, however deep it stands."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
