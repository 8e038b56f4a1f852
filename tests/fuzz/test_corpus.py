"""Kept inputs, and messages that claim more than they hold."""

import tracemalloc

import pytest

from tests.fuzz.codec import Codec
from tests.fuzz.corpus import kept
from tests.fuzz.targets import codecs

every_codec = pytest.mark.parametrize("codec", codecs().values(), ids=list(codecs()))
ROOM_BYTES = 16_000_000
"""Of memory beside what the input itself takes, of which there may be some copies."""
COPIES = 64


@every_codec
def test_kept_inputs_raise_nothing(codec: Codec) -> None:
    """What the coverage-guided fuzzer found, good and bad, is decoded again at each run."""
    files = kept(codec.name)
    assert files
    for file in files:
        codec.decode(file.read_bytes())


@every_codec
def test_a_length_that_is_claimed_allocates_nothing(codec: Codec) -> None:
    """Lengths of four gigabytes, deep nesting and packed bombs cost a few copies of what really came."""
    for arriving in codec.hostile:
        tracemalloc.start()
        try:
            codec.run(arriving)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < ROOM_BYTES + COPIES * len(arriving), f"{most} bytes for {len(arriving)}"


@every_codec
def test_good_inputs_are_taken_as_they_are(codec: Codec) -> None:
    """The last way in hands bytes on unchanged, so that a capture can be fuzzed as it was heard."""
    assert codec.arriving(bytes((len(codec.ways),)) + b"anything") == b"anything"
