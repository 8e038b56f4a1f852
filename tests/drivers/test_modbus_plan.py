"""Block reads: the cheapest that give every point, split no value and respect what the device wants."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.holes import LearntHoles, separated
from drivers.modbus.learning import Lessons, cut_of
from drivers.modbus.pdu import ReadRequest
from drivers.modbus.plan import Block, Limits, ReadPlan, atoms_of, plan_reads
from drivers.modbus.probes import probes_for
from drivers.modbus.spec import PointSpec, Slot, Straight
from drivers.modbus.timing import BusTiming, bus_timing
from drivers.profile import Table, ValueType
from gateway.core.site import LinkSettings

RTU = bus_timing(LinkSettings(id="rs485_1", serial="/dev/x", baudrate=9600, parity="none"))
TCP = bus_timing(LinkSettings(id="cabinet", tcp="192.0.2.1:502"))
KINDS = {1: ValueType.UINT16, 2: ValueType.UINT32, 4: ValueType.UINT64}


def slot(address: int, words: int = 1, table: Table = Table.HOLDING) -> Slot:
    return Slot(table, address, words, KINDS[words])


def point(
    name: str, *slots: Slot, exponent: Slot | None = None, optional: bool = False, single: bool = False
) -> PointSpec:
    return PointSpec(
        name, slots, Straight(1, 0, 1), (0, 1), weights=(Fraction(1),) * len(slots), exponent=exponent,
        optional=optional, single=single,
    )  # fmt: skip


def points(*places: tuple[int, int]) -> list[PointSpec]:
    """Return points at addresses, with so many registers each."""
    return [point(f"p{address}", slot(address, words)) for address, words in places]


def spans(plan: ReadPlan) -> list[tuple[int, int]]:
    return [(block.address, block.count) for block in plan.blocks]


def test_neighbours_are_read_together() -> None:
    """Values side by side, or a small gap apart, are one request."""
    plan = plan_reads(points((0, 2), (2, 2), (6, 2)), limits=Limits(), bus=RTU)
    assert spans(plan) == [(0, 8)]
    assert plan.blocks[0].points == ("p0", "p2", "p6")


def test_gap_is_bridged_as_long_as_it_is_cheaper() -> None:
    """At 9600 baud some registers cost less than one more turnaround; on a socket a whole frame of them does."""
    for gap in range(0, 120, 5):
        rtu = plan_reads(points((0, 1), (1 + gap, 1)), limits=Limits(), bus=RTU)
        tcp = plan_reads(points((0, 1), (1 + gap, 1)), limits=Limits(), bus=TCP)
        one = 2 * gap * 10 / 9600 < RTU.overhead_s + 13 * 10 / 9600
        assert len(rtu.blocks) == (1 if one else 2)
        assert len(tcp.blocks) == 1


def test_duration_is_characters_silences_and_turnaround() -> None:
    """A block's time is that of 8 + 5 + 2 n characters, two silences and the device's own."""
    (block,) = plan_reads(points((0, 2), (2, 4)), limits=Limits(), bus=RTU).blocks
    assert block.duration_s == pytest.approx((8 + 5 + 12) * 10 / 9600 + 7 * 10 / 9600 + 0.02)


def test_limit_of_registers() -> None:
    """No request is longer than the device takes, unless a single value is."""
    plan = plan_reads(points(*((2 * n, 2) for n in range(40))), limits=Limits(max_registers=25), bus=RTU)
    assert all(block.count <= 25 for block in plan.blocks)
    assert len(plan.blocks) == 4
    assert spans(plan_reads(points((0, 4)), limits=Limits(max_registers=2), bus=RTU)) == [(0, 4)]


def test_holes_are_not_touched() -> None:
    """A request never touches a hole of the profile, nor reaches across a learnt cut."""
    places = points((0, 2), (4, 2), (10, 2))
    assert spans(plan_reads(places, limits=Limits(holes=((2, 3),)), bus=TCP)) == [(0, 2), (4, 8)]
    cuts = [(Table.HOLDING, 5, 10)]
    assert spans(plan_reads(places, limits=Limits(), bus=TCP, cuts=cuts)) == [(0, 6), (10, 2)]
    assert spans(plan_reads(places, limits=Limits(), bus=TCP, cuts=[(Table.INPUT, 5, 10)])) == [(0, 12)]


def test_value_is_never_split() -> None:
    """The parts of a sum and the power of ten come in one request with their value, whatever lies between."""
    total = point("total", slot(100), slot(130), exponent=slot(140))
    assert spans(plan_reads([total], limits=Limits(), bus=RTU)) == [(100, 41)]
    other = point("other", slot(141))
    assert spans(plan_reads([total, other], limits=Limits(max_registers=41), bus=RTU)) == [(100, 41), (141, 1)]
    assert spans(plan_reads([total], limits=Limits(max_registers=20), bus=RTU)) == [(100, 1), (130, 11)]


def test_shared_power_of_ten_is_read_with_each_value() -> None:
    """Values that share a power of ten far away are all in one request with it, or it is read again."""
    exponent = slot(20)
    shared = [point("a", slot(0), exponent=exponent), point("b", slot(1), exponent=exponent),
              point("c", slot(60), exponent=exponent)]  # fmt: skip
    plan = plan_reads(shared, limits=Limits(max_registers=45), bus=TCP)
    for each in shared:
        blocks = [block for block in plan.blocks if each.name in block.points]
        assert len(blocks) == 1
        assert all(blocks[0].address <= slot.address < blocks[0].end for slot in each.touched)


def test_single_values_stand_alone() -> None:
    """A value that the device gives only alone is one request of exactly its size, and so is every value where told."""
    places = [*points((0, 2), (2, 2)), point("alone", slot(4, 2), single=True)]
    assert spans(plan_reads(places, limits=Limits(), bus=TCP)) == [(0, 4), (4, 2)]
    assert spans(plan_reads(places, limits=Limits(single_values=True), bus=TCP)) == [(0, 2), (2, 2), (4, 2)]
    beside = point("beside", slot(8), exponent=slot(9), single=True)
    apart = point("apart", slot(12), exponent=slot(14), single=True)
    assert spans(plan_reads([beside, apart], limits=Limits(), bus=TCP)) == [(8, 2), (12, 1), (14, 1)]


def test_tables_are_read_apart() -> None:
    """Equal addresses in different tables are different requests; bits are counted as bits."""
    bits = [PointSpec(f"b{n}", (Slot(Table.COIL, n, 1, ValueType.BIT),), Straight(1, 0, 1), (0, 1)) for n in (0, 900)]
    plan = plan_reads([*points((0, 1)), point("in", slot(0, table=Table.INPUT)), *bits], limits=Limits(), bus=TCP)
    assert {(block.table, block.address, block.count) for block in plan.blocks} == {
        (Table.HOLDING, 0, 1), (Table.INPUT, 0, 1), (Table.COIL, 0, 901),
    }  # fmt: skip


def test_optional_values_are_read_with_others_only_where_it_pays() -> None:
    """An optional value joins a request that it makes cheaper, and has its own where little would be gained."""
    gap = round((RTU.overhead_s + 13 * 10 / 9600) / (2 * 10 / 9600))
    near = [point("a", slot(0)), point("b", slot(1), optional=True)]
    far = [point("a", slot(0)), point("b", slot(gap), optional=True)]
    assert len(plan_reads(near, limits=Limits(), bus=RTU).blocks) == 1
    assert len(plan_reads(far, limits=Limits(), bus=RTU).blocks) == 2
    assert len(plan_reads([point("a", slot(0)), point("b", slot(gap))], limits=Limits(), bus=RTU).blocks) == 1


@pytest.mark.parametrize("registers", [10, 20, 21, 30, 50])
def test_blocks_of_one_device_differ_in_length(registers: int) -> None:
    """Without transaction ids no two blocks of a table have the same byte count, where values can be moved."""
    places = points(*((2 * n, 2) for n in range(40)))
    plan = plan_reads(places, limits=Limits(max_registers=registers), bus=RTU)
    counts = [block.count for block in plan.blocks]
    assert len(set(counts)) == len(counts) or registers < 20
    assert all(count <= registers for count in counts)
    assert {name for block in plan.blocks for name in block.points} == {place.name for place in places}
    numbered = plan_reads(places, limits=Limits(max_registers=registers), bus=TCP)
    assert len(numbered.blocks) == -(-80 // (registers - registers % 2))


def best_cost(places: Sequence[PointSpec], limits: Limits, bus: BusTiming) -> float:
    """Return the least time of all ways to group the points, by trying each."""
    atoms = sorted((atom for each in places for atom in atoms_of(each, limits)), key=lambda each: each.start)

    def groupings(count: int) -> Iterator[list[int]]:
        for mask in range(1 << (count - 1)):
            yield [0, *(n + 1 for n in range(count - 1) if mask >> n & 1), count]

    costs = []
    for cuts in groupings(len(atoms)):
        runs = [atoms[first:last] for first, last in pairwise(cuts)]
        lengths = [max(atom.end for atom in run) - run[0].start for run in runs]
        if all(length <= limits.max_registers for length in lengths):
            costs.append(sum(bus.duration_s(ReadRequest(Table.HOLDING, 0, length)) for length in lengths))
    return min(costs)


places_of = st.lists(st.tuples(st.integers(0, 120), st.sampled_from([1, 2, 4])), min_size=1, max_size=8, unique=True)


@given(places_of, st.integers(4, 60))
def test_no_plan_is_cheaper(places: list[tuple[int, int]], most: int) -> None:
    """The plan costs what the best of all groupings costs."""
    specs = [point(f"p{index}", slot(address, words)) for index, (address, words) in enumerate(places)]
    limits = Limits(max_registers=most)
    bus = BusTiming(TCP.framing, RTU.byte_s, RTU.overhead_s)
    plan = plan_reads(specs, limits=limits, bus=bus)
    assert plan.duration_s == pytest.approx(best_cost(specs, limits, bus))


@given(
    places_of,
    st.integers(1, 125),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 9)), max_size=3),
    st.booleans(),
)
def test_every_plan_keeps_the_rules(
    places: list[tuple[int, int]],
    most: int,
    hole_places: list[tuple[int, int]],
    numbered: bool,  # noqa: FBT001
) -> None:
    """Whatever the device wants, each value is whole in a block, and no block of several touches a hole."""
    specs = [point(f"p{index}", slot(address, words)) for index, (address, words) in enumerate(places)]
    holes = tuple((first, first + more) for first, more in hole_places)
    limits = Limits(max_registers=most, holes=holes)
    plan = plan_reads(specs, limits=limits, bus=TCP if numbered else RTU)
    for each in specs:
        (value,) = each.slots
        homes = [block for block in plan.blocks if each.name in block.points]
        assert any(block.address <= value.address and value.end <= block.end for block in homes)
    for block in plan.blocks:
        assert block.count <= max(most, *(atom.end - atom.start for atom in block.atoms))
        if limits.touches_hole(block.address, block.end - 1):
            assert len(block.atoms) == 1


def test_cuts_travel_as_plain_lists() -> None:
    """Learnt holes are saved and loaded, and nonsense in the file is left out."""
    holes = LearntHoles([(Table.HOLDING, 10, 15), (Table.INPUT, 3, 4)])
    mapping = holes.to_mapping()
    assert mapping == {"holding": [[10, 15]], "input": [[3, 4]]}
    assert LearntHoles.from_mapping(mapping).cuts == holes.cuts
    nonsense = {"holding": [[5, 5], [1], "x", None, [1, "2"], [7, 9]], "nowhere": [[1, 2]], "coil": 7}
    assert LearntHoles.from_mapping(nonsense).to_mapping() == {"holding": [[7, 9]]}
    assert holes.describe() == (
        "holding: refuses a request across 11 to 14",
        "input: refuses a request that holds both 3 and 4",
    )
    assert separated(holes.cuts, Table.HOLDING, 10, 15)
    assert not separated(holes.cuts, Table.HOLDING, 11, 20)


def block_of(*places: tuple[int, int]) -> Block:
    (block,) = plan_reads(points(*places), limits=Limits(), bus=TCP).blocks
    return block


def test_refused_block_is_cut_where_a_hole_is_likely() -> None:
    """The widest gap goes first, then the middle; a single value has none."""
    assert cut_of(block_of((0, 2), (2, 2), (10, 2), (12, 2))) == (Table.HOLDING, 3, 10)
    assert cut_of(block_of((0, 2), (2, 2), (4, 2), (6, 2))) == (Table.HOLDING, 3, 4)
    assert cut_of(block_of((0, 2))) is None
    assert cut_of(block_of((0, 4), (2, 1))) is None


def test_lessons_are_certain_when_both_sides_answer() -> None:
    """A cut is kept for ever once the two parts answered, and not before."""
    holes = LearntHoles()
    lessons = Lessons(holes, confirm=2)
    whole = block_of((0, 2), (10, 2))
    assert lessons.refused(whole)
    assert lessons.cuts == frozenset()
    assert lessons.refused(whole)
    assert lessons.cuts == {(Table.HOLDING, 1, 10)}
    assert holes.cuts == frozenset()
    lessons.answered([block_of((0, 2))])
    assert holes.cuts == frozenset()
    lessons.answered([block_of((0, 2)), block_of((10, 2))])
    assert holes.cuts == {(Table.HOLDING, 1, 10)}
    assert not lessons.is_learning


def test_silence_is_a_lesson_only_for_what_never_answered() -> None:
    """A block that answered before is not divided because it is silent now."""
    whole = block_of((0, 2), (10, 2))
    lessons = Lessons(LearntHoles(), confirm=1)
    assert [lessons.silent(whole) for _ in range(3)] == [False, False, True]
    assert lessons.cuts == {(Table.HOLDING, 1, 10)}
    lessons = Lessons(LearntHoles(), confirm=1)
    lessons.answered([whole])
    assert [lessons.silent(whole) for _ in range(9)] == [False] * 9
    single = block_of((0, 2))
    lessons = Lessons(LearntHoles(), confirm=1)
    assert [lessons.silent(single) for _ in range(3)] == [False] * 3
    assert sum(lessons.rests(single) for _ in range(100)) == 30


def test_probes_differ_in_length() -> None:
    """Probes are single values, then values side by side, each with an answer of its own length."""
    probes = probes_for(points((0, 2), (2, 2), (4, 1), (100, 4)), limits=Limits())
    assert [(probe.address, probe.count) for probe in probes] == [(4, 1), (0, 2), (100, 4), (0, 5), (2, 3)]
    assert [probe.count for probe in probes_for(points((0, 2), (2, 2)), limits=Limits(single_values=True))] == [2]
    optional = [point("a", slot(0), optional=True), point("b", slot(1, 2))]
    assert [probe.address for probe in probes_for(optional, limits=Limits())] == [1]
    cuts = [(Table.HOLDING, 1, 2)]
    assert [probe.count for probe in probes_for(points((0, 2), (2, 2)), limits=Limits(), cuts=cuts)] == [2]
