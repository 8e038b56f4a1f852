"""The simulated meter of a profile that is not Modbus: the only file that knows them all."""

from drivers.profile_records import KmpProfile, MbusProfile, RecordProfile
from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary
from gateway.sim.d0 import SimulatedD0Meter
from gateway.sim.device import ValueSource
from gateway.sim.dlms import SimulatedDlmsMeter
from gateway.sim.kmp import SimulatedKmpMeter
from gateway.sim.mbus import SimulatedMbusMeter
from gateway.sim.p1 import SimulatedP1Meter
from gateway.sim.sml import SimulatedSmlMeter
from gateway.sim.talker import Talker


def simulated_meter(profile: RecordProfile, source: ValueSource, *, clock: Clock, vocabulary: Vocabulary) -> Talker:
    """Return a meter of the profile that says what the source measures.

    Raises:
        ConfigError: the simulator cannot say a point of the profile.
    """
    if isinstance(profile, MbusProfile):
        return SimulatedMbusMeter(profile, source, clock=clock, vocabulary=vocabulary)
    if isinstance(profile, KmpProfile):
        return SimulatedKmpMeter(profile, source, clock=clock, vocabulary=vocabulary)
    if profile.protocol == "p1":
        return SimulatedP1Meter(profile, source, clock=clock, vocabulary=vocabulary)
    if profile.protocol == "d0":
        return SimulatedD0Meter(profile, source, clock=clock, vocabulary=vocabulary)
    if profile.protocol == "dlms":
        return SimulatedDlmsMeter(profile, source, clock=clock, vocabulary=vocabulary)
    return SimulatedSmlMeter(profile, source, clock=clock, vocabulary=vocabulary)
