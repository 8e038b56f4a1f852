"""JSON and YAML from outside that is nested deeper than any stack."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from drivers.catalog import parse_profile
from gateway.app.local_words import Answer, Said
from gateway.app.memory import COLLECTOR, HOLES, SERIAL_NUMBERS, collector_name, load_holes, load_serial_numbers
from gateway.app.profiles_start import load_start
from gateway.core.commissioning import decode_sealed
from gateway.core.errors import ConfigError, WireError
from gateway.core.quantity import load_vocabulary
from gateway.core.site import Site
from gateway.document.tree import parse_document
from gateway.document.validation import validate
from gateway.wire.catalogue import decode_catalogue
from gateway.wire.line import parse_line
from gateway.wire.receipt import decode_receipt
from gateway.wire.status import MAX_STATUS_BYTES, decode_status

_DEPTH = 30_000
nested = pytest.mark.parametrize(
    "content",
    [b"[" * _DEPTH, b'{"a":' * _DEPTH, b'{"record":' + b"[" * _DEPTH + b"]" * _DEPTH + b"}"],
    ids=["lists", "objects", "a value"],
)


@nested
def test_memory_that_is_nested_too_deep_is_begun_anew(content: bytes, tmp_path: Path) -> None:
    """A file in the data folder that would exhaust the stack is as good as none."""
    for name in (HOLES, SERIAL_NUMBERS, COLLECTOR):
        (tmp_path / name).write_bytes(content)
    assert load_holes(tmp_path) == {}
    assert load_serial_numbers(tmp_path) == {}
    assert collector_name(tmp_path, Random(1)).startswith("collector-")  # noqa: S311 - a name, no secret


@nested
@pytest.mark.parametrize(
    ("read", "refused"),
    [
        (decode_receipt, WireError),
        (decode_catalogue, WireError),
        (decode_status, WireError),
        (lambda content: parse_line(b"# " + content + b"\nkvarter,site=s,device=d status=0i 1000000"), WireError),
        (Said.model_validate_json, ValueError),
        (Answer.model_validate_json, ValueError),
        (decode_sealed, ConfigError),
        (lambda content: validate(parse_document(content.decode(), name="site.yaml"), Site), ConfigError),
        (lambda content: parse_profile(parse_document(content.decode(), name="p"), load_vocabulary()), ConfigError),
    ],
    ids=["receipt", "catalogue", "status", "note", "visitor", "service", "commissioning", "site", "profile"],
)
def test_what_is_nested_too_deep_is_refused(
    content: bytes, read: Callable[[bytes], object], refused: type[Exception]
) -> None:
    """Every reader of outside JSON or YAML refuses it with its own error, and never with the stack's."""
    with pytest.raises(refused):
        read(content)


@nested
def test_a_survey_that_is_nested_too_deep_is_refused(content: bytes, tmp_path: Path) -> None:
    """The file that a new profile begins with is somebody else's."""
    (tmp_path / "survey.json").write_bytes(content)
    with pytest.raises(ConfigError):
        load_start(tmp_path / "survey.json")


def test_a_status_is_an_object_of_bounded_length() -> None:
    """A status of any other shape, or of any length, is refused before it is looked at."""
    assert decode_status(b'{"state":"online"}') == {"state": "online"}
    for wrong in (b"", b"[]", b"\xff", b"7", b"9" * 5000, b'{"a":"' + b"x" * MAX_STATUS_BYTES + b'"}'):
        with pytest.raises(WireError):
            decode_status(wrong)
