"""Protocol → simulated meter, for every protocol that is not Modbus."""

from collections.abc import Mapping
from typing import Protocol

from drivers.profile_records import RecordProfile
from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary
from gateway.sim.device import ValueSource
from gateway.sim.talker import Talker


class MakeMeter(Protocol):
    """Makes the simulated meter of a profile."""

    def __call__(self, profile: RecordProfile, source: ValueSource, *, clock: Clock, vocabulary: Vocabulary) -> Talker:
        """Return the meter."""


METERS: Mapping[str, MakeMeter] = {}
