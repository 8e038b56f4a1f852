"""What a collector counts and says: each trouble once, then seldom, then its end."""

import logging

from gateway.collector.settings import CollectorCounters
from gateway.core.clock import Clock
from gateway.core.notices import Notices

_LOG = logging.getLogger(__name__)

OUR_WORDS = 6
"""Different complaints about one thing in a minute, where no stranger chooses the words."""


class Journal:
    """Shared by the parts of one collector."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._notices = Notices(change_s=60.0)
        self.counters = CollectorCounters()

    def warn(self, subject: str, text: str, *, texts: int = 1) -> None:
        """Say that something is wrong, unless it was said, or so many texts about the subject were said lately."""
        line = self._notices.failed(subject, text, now_s=self._clock.monotonic(), texts=texts)
        if line is not None:
            _LOG.warning("collector: %s", line)

    def recovered(self, subject: str, text: str) -> None:
        """Say that something is right again, if it was said to be wrong."""
        if self._notices.recovered(subject):
            _LOG.info("collector: %s", text)
