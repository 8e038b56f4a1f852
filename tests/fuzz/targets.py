"""Every decoder of outside bytes, by name: what all three runners of the fuzzer run."""

from collections.abc import Mapping
from functools import cache

from tests.fuzz.codec import Codec
from tests.fuzz.dlms import dlms_codecs
from tests.fuzz.door import door_codecs
from tests.fuzz.files import file_codecs
from tests.fuzz.lines import text_codecs
from tests.fuzz.meters import meter_codecs
from tests.fuzz.modbus import modbus_codecs
from tests.fuzz.spool import spool_codecs
from tests.fuzz.sunspec import sunspec_codecs
from tests.fuzz.wire import wire_codecs


@cache
def codecs() -> Mapping[str, Codec]:
    """Return the codecs."""
    return {
        each.name: each
        for each in (
            *modbus_codecs(),
            *sunspec_codecs(),
            *meter_codecs(),
            *text_codecs(),
            *dlms_codecs(),
            *wire_codecs(),
            *door_codecs(),
            *spool_codecs(),
            *file_codecs(),
        )
    }
