"""A device that nobody knows: which registers it has, and what stands in them, for a profile to start from."""

from collections.abc import Awaitable, Callable
from struct import unpack

from drivers.modbus.pdu import ReadRequest
from drivers.profile import LAST_ADDRESS, Table
from drivers.scan.found import SurveyRow

_BLOCK = 16
_REACH = 0x400
_FAR = (0x1000, 0x2000, 0x5000, 0x5B00, 0x7530, 0x9C40, 0xC350, 0xFC00)
"""Where meters, inverters and heat pumps put their registers when not at the beginning."""

Ask = Callable[[ReadRequest], Awaitable[bytes | None]]
"""Returns the registers as they came, None where there are none."""


async def survey(ask: Ask) -> tuple[SurveyRow, ...]:
    """Return what answers of the holding and input registers, as runs of registers in a row.

    Args:
        ask: Asks the device.

    Raises:
        LinkDown: the port or connection is gone.
    """
    found: list[SurveyRow] = []
    for table in (Table.HOLDING, Table.INPUT):
        held: dict[int, int] = {}
        for start in (*range(0, _REACH, _BLOCK), *_FAR):
            await _into(held, ask, table, start, _BLOCK)
        found += runs(table, held)
    return tuple(found)


def runs(table: Table, held: dict[int, int]) -> list[SurveyRow]:
    """Return registers by address as runs without a gap."""
    rows: list[SurveyRow] = []
    start, words = 0, list[int]()
    for address in sorted(held):
        if words and address != start + len(words):
            rows.append(SurveyRow(table.value, start, tuple(words)))
            words = []
        if not words:
            start = address
        words.append(held[address])
    return [*rows, SurveyRow(table.value, start, tuple(words))] if words else rows


async def _into(held: dict[int, int], ask: Ask, table: Table, start: int, count: int) -> None:
    """Read a block, or the halves of it that answer, down to single registers."""
    count = min(count, LAST_ADDRESS + 1 - start)
    payload = await ask(ReadRequest(table, start, count))
    if payload is not None:
        held |= {start + index: word for index, word in enumerate(unpack(f">{count}H", payload))}
        return
    # A block at whose beginning nothing stands is taken for empty: a search for single registers would take minutes.
    if count == 1 or await ask(ReadRequest(table, start, 1)) is None:
        return
    await _into(held, ask, table, start, count // 2)
    await _into(held, ask, table, start + count // 2, count - count // 2)
