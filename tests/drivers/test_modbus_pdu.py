"""Requests and answers, by the examples printed in the standard."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drivers
from drivers.modbus.pdu import (
    IdentificationRequest,
    ReadRequest,
    Refusal,
    identification,
    identification_bytes,
    payload_bytes,
)
from drivers.profile import Table

# Modbus Application Protocol V1.1b3, sections 6.1 to 6.4: request, answer, and what the answer holds.
EXAMPLES = [
    (Table.COIL, 0x13, 19, "01 00 13 00 13", "01 03 CD 6B 05", "CD 6B 05"),
    (Table.DISCRETE, 0xC4, 22, "02 00 C4 00 16", "02 03 AC DB 35", "AC DB 35"),
    (Table.HOLDING, 0x6B, 3, "03 00 6B 00 03", "03 06 02 2B 00 00 00 64", "02 2B 00 00 00 64"),
    (Table.INPUT, 0x08, 1, "04 00 08 00 01", "04 02 00 0A", "00 0A"),
]
# Section 6.21: vendor, product code and revision.
IDENTIFICATION = (
    bytes.fromhex("2B 0E 01 01 00 00 03")
    + bytes([0, 0x16]) + b"Company identification"
    + bytes([1, 0x1C]) + b"Product code XXXXXXXXXXXXXXX"
    + bytes([2, 0x05]) + b"V2.11"
)  # fmt: skip

requests = st.builds(
    ReadRequest,
    st.sampled_from([Table.HOLDING, Table.INPUT, Table.COIL, Table.DISCRETE]),
    st.integers(0, 60000),
    st.integers(1, 125),
)


@pytest.mark.parametrize(("table", "address", "count", "request_pdu", "answer_pdu", "payload"), EXAMPLES)
def test_examples_of_the_standard(
    table: Table, address: int, count: int, request_pdu: str, answer_pdu: str, payload: str
) -> None:
    """Each read function is encoded and answered as the standard prints it."""
    request = ReadRequest(table, address, count)
    assert request.pdu == bytes.fromhex(request_pdu)
    assert request.answer(bytes.fromhex(answer_pdu)) == bytes.fromhex(payload)
    assert request.reply_bytes == len(bytes.fromhex(answer_pdu))


def test_exception_of_the_standard() -> None:
    """A refusal is the function with its highest bit set, and a code; section 7."""
    request = ReadRequest(Table.COIL, 0x04A1, 1)
    assert request.pdu == bytes.fromhex("01 04 A1 00 01")
    answer = request.answer(bytes.fromhex("81 02"))
    assert answer == Refusal(2)
    assert isinstance(answer, Refusal)
    assert answer.text == "illegal address (exception 2)"
    assert Refusal(99).text == "refused (exception 99)"


def test_identification_of_the_standard() -> None:
    """The identification is read whole, object by object."""
    request = IdentificationRequest()
    assert request.pdu == bytes.fromhex("2B 0E 01 00")
    assert request.answer(IDENTIFICATION) == IDENTIFICATION
    assert identification(IDENTIFICATION) == {
        0: "Company identification",
        1: "Product code XXXXXXXXXXXXXXX",
        2: "V2.11",
    }
    assert request.answer(bytes.fromhex("AB 01")) == Refusal(1)


def test_identification_cut_short_is_not_an_answer() -> None:
    """As long as an identification is not whole, it is no answer, and its length is unknown or beyond what is there."""
    for size in range(len(IDENTIFICATION)):
        known = identification_bytes(IDENTIFICATION[:size])
        assert known is None or known > size
        assert IdentificationRequest().answer(IDENTIFICATION[:size]) is None


@pytest.mark.parametrize(
    ("table", "address", "count"),
    [
        (Table.HOLDING, 0, 0),
        (Table.HOLDING, 0, 126),
        (Table.COIL, 0, 2001),
        (Table.INPUT, 65535, 2),
        (Table.INPUT, -1, 1),
    ],
)
def test_requests_beyond_the_standard_cannot_be_made(table: Table, address: int, count: int) -> None:
    """Nobody can ask for more than one frame holds, or beyond the last address."""
    with pytest.raises(ValueError, match="is not a request"):
        ReadRequest(table, address, count)


@given(requests, st.binary(max_size=260))
def test_only_the_awaited_shape_is_an_answer(request: ReadRequest, pdu: bytes) -> None:
    """Whatever bytes come, only function and byte count of the request are taken, and nothing raises."""
    answer = request.answer(pdu)
    if isinstance(answer, bytes):
        assert pdu[0] == request.function
        assert pdu[1] == len(answer) == payload_bytes(request.table, request.count)
        assert len(pdu) == 2 + len(answer)
    elif isinstance(answer, Refusal):
        assert pdu == bytes([request.function | 0x80, answer.code])


@given(st.binary(max_size=260))
def test_identification_never_raises(pdu: bytes) -> None:
    """Whatever bytes come, an identification is whole or is none."""
    answer = IdentificationRequest().answer(pdu)
    if isinstance(answer, bytes):
        assert len(identification(answer)) <= pdu[6]


def test_nothing_in_the_drivers_can_encode_a_write() -> None:
    """Promise read-only: no code of the drivers names a function that changes a device, but to pass over its frames."""
    folder = Path(drivers.__file__).parent
    words = ("write_", "preset", "force_", "mask_write")
    names = {
        node.id if isinstance(node, ast.Name) else node.name
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    assert [name for name in names if any(word in name.lower() for word in words)] == []
    functions = {ReadRequest(table, 0, 1).pdu[0] for table in Table} | {IdentificationRequest().pdu[0]}
    assert functions == {1, 2, 3, 4, 43}
