"""What people write for durations, ratios, ids, addresses and credentials."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.core.scalars import (
    BrokerUrl,
    Credential,
    Duration,
    Endpoint,
    Identifier,
    Interval,
    ProfileId,
    Ratio,
    SitePattern,
    StoreUrl,
    format_duration,
    parse_duration,
    parse_ratio,
)
from gateway.core.site import DeviceSettings

CENTURY_MS = 36_525 * 86_400_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("10s", 10.0),
        ("1.5 s", 1.5),
        ("5min", 300.0),
        ("1h", 3600.0),
        ("30d", 2_592_000.0),
        ("0s", 0.0),
    ],
)
def test_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    """A duration is a number and one of five units, with or without a blank between."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value", ["10", "s", "10 sec", "-1s", "1e3s", "1h30min", "", "\u0661s", "nan", "9" * 400 + "s", True]
)
def test_text_without_number_and_unit_is_no_duration(value: object) -> None:
    """A duration that is not exactly a number and a unit is refused with an example."""
    with pytest.raises(ValueError, match="for example 10s"):
        parse_duration(value)


@pytest.mark.parametrize("value", [10, 2.5])
def test_duration_without_unit_says_which_unit_to_write(value: float) -> None:
    """A bare number is refused with the text that was probably meant."""
    with pytest.raises(ValueError, match=f"write for example {value}s"):
        parse_duration(value)


def test_duration_ends_at_a_century() -> None:
    """A duration that no schedule can hold is refused instead of overflowing later."""
    with pytest.raises(ValueError, match="longer than a century"):
        parse_duration("40000d")


@given(st.integers(min_value=0, max_value=CENTURY_MS))
def test_duration_text_reads_back(milliseconds: int) -> None:
    """What is written for a duration is read back as the same number of milliseconds."""
    assert round(parse_duration(format_duration(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "250ms"), (10.0, "10s"), (90.0, "90s"), (300.0, "5min"), (86400.0, "1d"), (0.0, "0ms")]
)
def test_duration_text_is_the_shortest(seconds: float, text: str) -> None:
    """A duration is written in the largest unit that it is a whole number of."""
    assert format_duration(seconds) == text


def test_interval_is_above_zero() -> None:
    """A poll interval of zero is refused; a pause of zero is not."""
    with pytest.raises(ValidationError, match="greater than 0"):
        TypeAdapter(Interval).validate_python("0s")
    assert TypeAdapter(Duration).validate_python("0s") == 0


@pytest.mark.parametrize(
    ("value", "ratio"), [("100/5", 20.0), ("250 / 1", 250.0), ("0.5/1", 0.5), (40, 40.0), (1.5, 1.5)]
)
def test_ratio_is_primary_over_secondary(value: object, ratio: float) -> None:
    """A ratio is written as on the transformer's plate, or as the number itself."""
    assert parse_ratio(value) == ratio


@pytest.mark.parametrize("value", ["100:5", "100/0", "0/5", 0, -20, "-100/5", "", None, True, "1/1/1", "1e9/5"])
def test_what_is_no_ratio_is_refused(value: object) -> None:
    """A ratio that would turn every value into zero, infinity or its negative is refused."""
    with pytest.raises(ValueError, match="ratio"):
        parse_ratio(value)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_ratio_in_a_file_is_finite(value: float) -> None:
    """Infinity and NaN do not pass for a ratio of a strict schema."""
    with pytest.raises(ValidationError):
        DeviceSettings.model_validate({"id": "a", "profile": "a/b", "link": "c", "ct_ratio": value})


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        (Identifier, "soenderborg-12"),
        (Identifier, "0_a"),
        (ProfileId, "eastron/sdm630"),
        (Endpoint, "192.168.1.40:502"),
        (Endpoint, "[fe80::1%eth0]:502"),
        (Endpoint, "meter_1.local:65535"),
        (BrokerUrl, "mqtts://broker.example:8883"),
        (BrokerUrl, "mqtt://[::1]:1883"),
        (BrokerUrl, "mqtt://localhost"),
        (StoreUrl, "https://influx.example"),
        (StoreUrl, "http://127.0.0.1:8428/select/0"),
        (SitePattern, "soenderborg-*"),
        (Credential, "credential:mqtt-key"),
        (Credential, "/etc/kvarter/token"),
    ],
)
def test_right_form_is_kept_as_written(scalar: Any, value: str) -> None:  # noqa: ANN401 - an annotated type
    """Text of the right form comes out as it was written."""
    assert TypeAdapter(scalar).validate_python(value) == value


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        (Identifier, "Main meter"),
        (Identifier, "x" * 65),
        (Identifier, ""),
        (Identifier, "a\n"),
        (Identifier, "a/b"),
        (Identifier, "kløver"),
        (Identifier, 5),
        (ProfileId, "eastron"),
        (ProfileId, "a/b/c"),
        (ProfileId, "../etc/passwd"),
        (Endpoint, "192.168.1.40"),
        (Endpoint, "192.168.1.40:99999"),
        (Endpoint, "::1:502"),
        (Endpoint, "host :502"),
        (BrokerUrl, "http://broker:1883"),
        (BrokerUrl, "mqtt://broker:1883/path"),
        (BrokerUrl, "mqtt://broker:70000"),
        (StoreUrl, "influx.example:8086"),
        (StoreUrl, "ftp://influx.example"),
        (SitePattern, "Site*"),
        (Credential, "hunter2"),
        (Credential, "credential:../x/y"),
        (Credential, "~/token"),
        (Credential, 12345),
    ],
)
def test_wrong_form_is_refused(scalar: Any, value: object) -> None:  # noqa: ANN401 - an annotated type
    """Text of another form is refused, so that it cannot become a topic level, a path or a host."""
    with pytest.raises(ValidationError):
        TypeAdapter(scalar).validate_python(value)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [(Credential, "hunter2"), (BrokerUrl, "mqtt://me:hunter2@broker"), (StoreUrl, "http://me:hunter2@influx.example")],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(scalar: Any, value: str) -> None:  # noqa: ANN401 - as above
    """The message about a secret that was written into the file does not show it."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(scalar).validate_python(value)
    assert "hunter2" not in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize("scalar", [Identifier, ProfileId, Endpoint, BrokerUrl, StoreUrl, SitePattern, Credential])
def test_a_wrong_form_is_answered_with_the_right_one(scalar: Any) -> None:  # noqa: ANN401 - an annotated type
    """Each refusal says what to write instead."""
    with pytest.raises(ValidationError, match="write "):
        TypeAdapter(scalar).validate_python("?!")


@pytest.mark.parametrize(
    "scalar", [Identifier, ProfileId, Endpoint, BrokerUrl, StoreUrl, SitePattern, Credential, Duration, Ratio, Interval]
)
def test_every_scalar_has_a_json_schema(scalar: Any) -> None:  # noqa: ANN401 - an annotated type
    """An editor that knows the JSON Schema can check each scalar while it is typed."""
    schema = TypeAdapter(scalar).json_schema()
    assert schema.get("pattern") or schema.get("anyOf")
