"""Promise read-only: a Kamstrup meter is only asked for its type, its serial number and its registers."""

import ast
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import drivers.kmp
from drivers.kmp import frame
from drivers.kmp.frame import Command, parse_frame, register_request, serial_number_request, type_request
from drivers.kmp.registers import REGISTERS
from gateway.core.errors import KvarterError
from tests.drivers.kmp.meters import POINTS, Desk, kmp
from tests.fakes_stream import Answers, run_virtual

FOLDER = Path(drivers.kmp.__path__[0])
CODE = {path.name: ast.parse(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.py")}
READS = {0x01, 0x02, 0x10}
"""GetType, GetSerialNo and GetRegister."""


def calls(name: str) -> set[str]:
    """Return file:function of each call of a name, or of a method of that name."""
    return {
        f"{file}:{function.name}"
        for file, tree in CODE.items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name
    }


def test_there_are_three_commands_and_one_place_that_encodes() -> None:
    """Every request is made by three functions of one file, each with its own command; nothing else stuffs bytes."""
    assert {int(command) for command in Command} == READS
    assert calls("stuff") == {"frame.py:_request"}
    assert calls("_request") == {
        "frame.py:type_request",
        "frame.py:serial_number_request",
        "frame.py:register_request",
    }
    tree = CODE["frame.py"]
    commands = {
        ast.unparse(node.args[1])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_request"
    }
    assert commands == {"Command.GET_TYPE", "Command.GET_SERIAL_NUMBER", "Command.GET_REGISTER"}
    assert not [name for name in vars(frame) if "set" in name.lower() or "write" in name.lower()]


def test_what_leaves_is_made_there() -> None:
    """The source hands the link nothing but what those functions return, at one place."""
    assert calls("exchange") == calls("Turn") == {"source.py:_ask"}
    assert calls("send") == calls("write") == calls("talk") == set()
    made = {
        ast.unparse(node.args[0])
        for node in ast.walk(CODE["source.py"])
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_Question"
    }
    assert made == {"request", "type_request(address)"}
    requests = {
        ast.unparse(node.value).partition("(")[0]
        for node in ast.walk(CODE["source.py"])
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "request"
    }
    assert requests == {"serial_number_request", "register_request"}


@given(st.integers(0, 255), st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=8))
def test_every_request_reads(address: int, registers: list[int]) -> None:
    """Whatever is asked for, the frame that leaves carries one of the three commands, and registers alone behind it."""
    for sent in (type_request(address), serial_number_request(address), register_request(address, registers)):
        held = parse_frame(sent)
        assert not isinstance(held, str)
        assert not held.is_answer
        assert held.command in READS
        assert len(held.content) in {0, 1 + 2 * len(registers)}


def test_every_byte_of_a_source_reads() -> None:
    """A meter that answers, is silent, and answers damaged is sent nothing but reads, whatever the profile asks for."""
    all_of_them: list[dict[str, Any]] = [
        {"point": "heat_energy", "unit": "", "quantity": each.code, "function": each.function.value,
         "tariff": each.tariff, "subunit": each.subunit, "qualifiers": each.qualifiers}
        for each in dict.fromkeys(REGISTERS.values())
    ]  # fmt: skip

    async def main(points: list[dict[str, Any]]) -> None:
        turn = [0]

        def moody(request: bytes) -> Answers:
            turn[0] += 1
            answers = list(desk.answer(request))
            if turn[0] % 5 == 3:
                return []
            return [(delay, chunk[:-2]) for delay, chunk in answers] if turn[0] % 5 == 4 else answers

        desk = Desk(kmp(points), answer=moody, values={"heat_power": 1.0})
        for _ in range(12):
            with suppress(KvarterError):
                await desk.driver.read(("heat_energy",))
        sent = [parse_frame(request) for stream in desk.port.opened for request in stream.written]
        assert len(sent) > 10
        assert all(not isinstance(each, str) and each.command in READS and not each.is_answer for each in sent)

    for points in (POINTS, all_of_them):
        run_virtual(main(points))
