"""The bundled profiles and the SunSpec models: complete, sourced, free of contradiction, true to their own tests."""

import tomllib
from collections.abc import Iterator
from importlib.resources import files

import pytest

from drivers.catalog import Catalog, ProfileFile, with_registers
from drivers.factory import Metering, create_driver, open_link
from drivers.meters import STREAMS
from drivers.modbus.holes import LearntHoles
from drivers.profile import (
    ModbusPoint,
    ModbusProfile,
    ProfileTest,
    RegisterField,
    SunspecModel,
    SunspecProfile,
    Table,
    ValueType,
)
from drivers.profile_records import KmpProfile, MbusProfile, ObisProfile
from drivers.records.decode import Arrival, RecordDecoder
from drivers.records.telegram import Telegram
from gateway.core.protocols import Stream
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout
from gateway.core.site import DeviceSettings, LinkSettings
from tests.fakes import FakeClock
from tests.fakes_registers import RegisterStream

VOCABULARY = load_vocabulary()
FILES = tuple(Catalog(VOCABULARY))
EVERY_PROFILE = pytest.mark.parametrize("file", FILES, ids=lambda file: file.id)
EVERY_REGISTER_PROFILE = pytest.mark.parametrize(
    "file", [file for file in FILES if file.profile.protocol in ("modbus", "sunspec")], ids=lambda file: file.id
)
EVERY_RECORD_PROFILE = pytest.mark.parametrize(
    "file", [file for file in FILES if file.profile.protocol not in ("modbus", "sunspec")], ids=lambda file: file.id
)
EVERY_MODBUS_PROFILE = pytest.mark.parametrize(
    "file", [file for file in FILES if file.profile.protocol == "modbus"], ids=lambda file: file.id
)
EVERY_SUNSPEC_PROFILE = pytest.mark.parametrize(
    "file", [file for file in FILES if file.profile.protocol == "sunspec"], ids=lambda file: file.id
)
PROMISED = {
    "abb/b23",
    "carlo-gavazzi/em340",
    "eastron/sdm120",
    "eastron/sdm630",
    "keba/p30",
    "nibe/s-series",
    "phoenix-contact/charx-sec",
    "schneider/iem3155",
    "stiebel-eltron/isg-wpm",
    "sunspec/inverter",
}
LENGTHS = {1: 66, 101: 50, 102: 50, 103: 50, 111: 60, 112: 60, 113: 60, 201: 105, 204: 105, 701: 153, 802: 62}


def test_promised_profiles_are_bundled() -> None:
    """An installation without folders of its own knows the ten models that the project promises, and maybe more."""
    assert {file.id for file in FILES} >= PROMISED


@EVERY_PROFILE
def test_profile_is_what_its_path_says(file: ProfileFile) -> None:
    """A profile follows the schema, and its id is the path under which it is found."""
    assert file.profile.profile == file.id


@EVERY_PROFILE
def test_facts_come_from_somewhere(file: ProfileFile) -> None:
    """A profile names two sources with their versions, says what a reader must know and how the device is set up."""
    assert len(file.profile.source) >= 2
    assert all(each.document.strip() and each.version.strip() and each.note.strip() for each in file.profile.source)
    assert file.profile.caveats
    assert file.profile.setup


@EVERY_PROFILE
def test_tests_say_where_their_values_come_from(file: ProfileFile) -> None:
    """Each test of a profile expects at least three of its points and says who computed the values."""
    names = {point.point for point in file.profile.points}
    for test in file.profile.tests:
        assert len(test.expect) >= 3
        assert names >= set(test.expect)
        assert test.note


@EVERY_REGISTER_PROFILE
def test_tests_leave_the_easy_case(file: ProfileFile) -> None:
    """The tests of a profile contain a negative value or one that the device does not give."""
    values = [value for test in file.profile.tests for value in test.expect.values()]
    assert any(value is None or value < 0 for value in values)


@EVERY_RECORD_PROFILE
def test_telegram_says_what_the_tests_expect(file: ProfileFile) -> None:
    """From the telegram of a test, the decoder has the values of its author, to the last digit."""
    profile = file.profile
    assert isinstance(profile, MbusProfile | KmpProfile | ObisProfile)
    for test in profile.tests:
        text = test.telegram
        is_text = profile.protocol in ("p1", "d0")
        octets = text.replace("\r", "").replace("\n", "\r\n").encode("latin-1") if is_text else bytes.fromhex(text)
        stream = STREAMS[profile.protocol](bytes.fromhex(test.key) if test.key else None)
        found = [*stream.feed(octets), *stream.finish()]
        telegrams = [each for each in found if isinstance(each, Telegram)]
        assert telegrams, found
        settings = DeviceSettings.model_validate({"id": "device", "profile": file.id, "link": "link", **test.settings})
        decoder = RecordDecoder(profile, settings, VOCABULARY)
        assert decoder.concerns(telegrams[-1])
        readout = decoder.readout(telegrams[-1], tuple(test.expect), arrival=Arrival(0.0, 0))
        assert dict(zip(readout.points, readout.values, strict=True)) == test.expect


@EVERY_REGISTER_PROFILE
async def test_driver_reads_what_the_tests_expect(file: ProfileFile) -> None:
    """From a device with the registers of a test, the driver has the values of its author, to the last digit."""
    for test in with_registers(file).tests:
        readout = await readout_of(file, test)
        assert dict(zip(readout.points, readout.values, strict=True)) == test.expect
        assert not readout.suspect


@EVERY_MODBUS_PROFILE
def test_every_type_is_tested(file: ProfileFile) -> None:
    """Each way in which a value lies in the device's registers has a test with a value."""
    profile = modbus(file)
    tested = {name for test in profile.tests for name, value in test.expect.items() if value is not None}
    types = {(field.type, bool(point.sum)) for point in profile.points for field in point.fields}
    assert types == {
        (field.type, bool(point.sum)) for point in profile.points if point.point in tested for field in point.fields
    }


@EVERY_MODBUS_PROFILE
def test_tests_hold_the_registers_they_expect_from(file: ProfileFile) -> None:
    """Every register of an expected point is in the test, at the place of its connector."""
    profile = modbus(file)
    for test in profile.tests:
        shift = (profile.instances.stride if profile.instances else 0) * ((test.instance or 1) - 1)
        held = {
            (table, first + index)
            for table, runs in ((profile.modbus.table, test.registers), *test.tables.items())
            for first, words in runs.items()
            for index in range(len(words))
        }
        for point in profile.points:
            if point.point in test.expect:
                for field in point.fields:
                    table, first = field.table or profile.modbus.table, field.address + shift
                    assert held >= {(table, first + index) for index in range(field.words)}, point.point


@EVERY_MODBUS_PROFILE
def test_values_do_not_overlap(file: ProfileFile) -> None:
    """Two points share registers only if they read the same value there."""
    profile = modbus(file)
    taken: dict[tuple[Table | None, int], tuple[int, ValueType]] = {}
    for field in fields_of(profile.points):
        for address in range(field.address, field.address + field.words):
            place = (field.table or profile.modbus.table, address)
            assert taken.setdefault(place, (field.address, field.type)) == (field.address, field.type), hex(address)


@EVERY_MODBUS_PROFILE
def test_values_fit_into_a_request(file: ProfileFile) -> None:
    """No value is longer than what the device gives in one request."""
    profile = modbus(file)
    assert all(field.words <= profile.modbus.max_registers for field in fields_of(profile.points))


@EVERY_MODBUS_PROFILE
def test_codes_can_occur(file: ProfileFile) -> None:
    """A code for 'no value' fits into its registers, and a mapped bit number into its word."""
    for point in modbus(file).points:
        for field in point.fields:
            bits = 16 * field.words
            assert all(0 <= code < 1 << bits for code in point.absent), point.point
            if field.type in (ValueType.BITS16, ValueType.BITS32):
                assert all(isinstance(bit, int) and 0 <= bit < bits for bit in point.states or ()), point.point


@EVERY_MODBUS_PROFILE
def test_model_can_be_recognised(file: ProfileFile) -> None:
    """A profile has a fingerprint by which scan tells the model."""
    assert modbus(file).fingerprint


@pytest.mark.parametrize("model", [*LENGTHS], ids=str)
def test_models_have_the_length_of_the_standard(model: int) -> None:
    """A SunSpec model is as long as the standard's definition says, and has no value behind its end."""
    defined = models()[model]
    assert defined.length == LENGTHS[model]
    assert max(field.offset + field.size for field in defined.fields) == defined.length + 2


def test_fields_of_models_do_not_overlap() -> None:
    """Each register of a SunSpec model belongs to one point, and every exponent is a point of the model."""
    for model in models().values():
        ends = [2]
        for field in model.fields:
            assert field.offset >= ends[-1], (model.id, field.name)
            ends.append(field.offset + field.size)
        exponents = {field.name for field in model.fields if field.type == "sunssf"}
        named = {field.sf for field in model.fields if isinstance(field.sf, str)}
        assert named <= exponents, model.id


@EVERY_SUNSPEC_PROFILE
def test_sunspec_points_are_in_their_models(file: ProfileFile) -> None:
    """Every SunSpec point exists in each of the models that its profile names."""
    assert isinstance(file.profile, SunspecProfile)
    known = models()
    for point in file.profile.points:
        assert len(set(point.model)) == len(point.model)
        for model in point.model:
            assert point.within(model).name in {field.name for field in known[model].fields}, (point.point, model)


async def readout_of(file: ProfileFile, test: ProfileTest) -> Readout:
    """Return what the driver reads from a device that holds the test's registers and no others."""
    table = file.profile.modbus.table if isinstance(file.profile, ModbusProfile) else Table.HOLDING
    held = {
        (place, first + index): word
        for place, runs in ((table, test.registers), *test.tables.items())
        for first, words in runs.items()
        for index, word in enumerate(words)
        if place is not None
    }
    clock = FakeClock()

    async def open_stream(_: LinkSettings) -> Stream:
        return RegisterStream(clock, held)

    settings = DeviceSettings.model_validate(
        {"id": "device", "profile": file.id, "link": "link", "instance": test.instance, **test.settings}
    )
    link = open_link(LinkSettings(id="link", tcp="192.0.2.1:502"), clock=clock, open_stream=open_stream)
    try:
        driver = create_driver(settings, file.profile, link, metering=Metering(clock, VOCABULARY), holes=LearntHoles())
        return await driver.read(tuple(test.expect))
    finally:
        await link.close()


def modbus(file: ProfileFile) -> ModbusProfile:
    """Return the profile, which is one with fixed addresses."""
    assert isinstance(file.profile, ModbusProfile)
    return file.profile


def fields_of(points: tuple[ModbusPoint, ...]) -> Iterator[RegisterField]:
    """Yield everything that is read for the points."""
    for point in points:
        yield from point.fields
        if point.scale_from is not None:
            yield point.scale_from


def models() -> dict[int, SunspecModel]:
    """Return the bundled SunSpec models by id."""
    text = files("drivers.sunspec").joinpath("models.toml").read_text("utf-8")
    read = [SunspecModel.model_validate(table) for table in tomllib.loads(text)["model"]]
    found = {model.id: model for model in read}
    assert len(found) == len(read)
    return found
