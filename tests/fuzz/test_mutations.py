"""A hundred thousand spoilt inputs per decoder, from a fixed seed."""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.codec import Codec
from tests.fuzz.mutator import Mutator
from tests.fuzz.targets import codecs

INPUTS = int(os.environ.get("FUZZ_INPUTS", "100000"))
SEED = int(os.environ.get("FUZZ_SEED", "2026"))
SHARES = 4
"""Parts of one codec's inputs, which workers can share."""
every_codec = pytest.mark.parametrize("codec", codecs().values(), ids=list(codecs()))


@pytest.fixture(autouse=True)
def _rare_collections() -> Iterator[None]:
    """Look for cycles in memory more rarely: short-lived exceptions are most of what there is."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)
    yield
    gc.set_threshold(*usual)


@pytest.mark.timeout(0 if INPUTS > 100_000 else 120)
@pytest.mark.parametrize("share", range(SHARES))
@every_codec
def test_spoilt_inputs_raise_nothing(codec: Codec, share: int) -> None:
    """No spoilt input makes a decoder raise, or accept what its own checks deny."""
    for spoilt in Mutator(codec, SEED + share).inputs(INPUTS // SHARES):
        try:
            codec.decode(spoilt)
        except BaseException as exc:
            exc.add_note(f"{codec.name} {spoilt.hex()}")
            raise


@settings(max_examples=200, deadline=None)
@given(entry=st.binary(max_size=300))
@every_codec
def test_any_bytes_raise_nothing(codec: Codec, entry: bytes) -> None:
    """No bytes at all make a decoder raise; hypothesis makes the shortest ones that would."""
    codec.decode(entry)
