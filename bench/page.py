"""The page of the benchmarks, made from their results: pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from bench.figures import Result


@dataclass(frozen=True, slots=True)
class Section:
    """One benchmark on the page."""

    title: str
    subjects: str
    """How the names of its subjects begin."""
    method: str
    peer: str


SECTIONS = (
    Section(
        "From the bus to the broker",
        "edge",
        "Meters with 40 mixed points each, polled every second over Modbus TCP by `kvarter edge`, with spool, receipts "
        "and live values on, published at QoS 1 to Mosquitto and stored by `kvarter collect`; CPU time and memory are "
        "those of the edge process, and each poll of the window is looked for in the store.",
        "a plain asyncio script on pymodbus and aiomqtt, without spool, checks and receipts; it asks all meters at "
        "the same instant, as Kvarter does, which is the cheapest way for it.",
    ),
    Section(
        "RTU lines",
        "rtu",
        "A pseudo-terminal hands over the answer when its last byte would be on the wire; 60 registers are read again "
        "and again; the share is the time that characters and 3.5-character silences take, of the time that passed; a "
        "silence is measured from the last byte of an answer to the first of the next request.",
        "pymodbus' asynchronous serial client; its share can exceed 100 % because it leaves the silence out.",
    ),
    Section(
        "Collector",
        "collector",
        "A backlog of 50 meters with 40 points, in the compressed batches that our relay sends, from Mosquitto through "
        "`kvarter collect` into VictoriaMetrics until the last receipt has come; then the points are counted there.",
        "a plain script on aiomqtt, JSON and the batching client of influxdb-client, without checks and receipts.",
    ),
    Section(
        "Spool",
        "spool",
        "50 meters with 40 points append one readout a second; a simulated clock drives the rounds, and the pages that "
        "are dirty at each flush are counted (not the file system's journal, nor the zeroing of a new segment).",
        "",
    ),
    Section(
        "Meter telegrams",
        "decode",
        "Telegrams of simulated meters, whose encoder shares no code with the decoder, from bytes to checked records; "
        "CPU time of one process.",
        "",
    ),
    Section(
        "Flash wear",
        "wear",
        "20 readings a second (a reading is one value of one point): ten devices with 20 points, each read every 10 s, "
        "for minutes of real time on an ext4 of its own, from the statistics of its block device, with all that the "
        "file system adds. It is mounted with `noatime,commit=900`, as a partition that holds nothing but the data of "
        "a gateway should be; a commit of the journal is forced at the end and counted by its share. The usual mount "
        "is `noatime`, where nearly every round also costs a commit. Nothing that the spool promises rests on the "
        "journal's interval: it syncs by itself. The month is computed from six simulated hours.",
        "",
    ),
    Section(
        "Backlog",
        "drain",
        "Twelve hours of one meter with 40 points, a readout a second, wait in the spool of `kvarter edge`, which goes "
        "on reading that meter; over Mosquitto and `kvarter collect` into the embedded store. A readout is late by the "
        "time from its acquisition to the receipt.",
        "",
    ),
    Section(
        "The page",
        "page",
        "First paint: a new Chromium context opens the site of `kvarter demo` (13 devices), seven times, with nothing "
        "kept from before; counted from the start of the navigation. History: an embedded store that holds ten million "
        "values of one meter with four points, each read every 10 s, asked for what a drawing needs. CPU: "
        "`kvarter run` with 13 meters of 40 points, each read every 2 s, and one reader of the page's events, by turns "
        "with nobody; the difference of the gateway's CPU time, as a share of one core. Browser, meters and gateway "
        "share the machine.",
        "",
    ),
    Section(
        "Simulation",
        "simulation",
        "Edge and collector as they are, on virtual time, with a clock, disks, buses, a broker and a store that fail: "
        "at least 24 faults a day, drawn from seeds that nobody chose (`make soak`). What was lost went with a power "
        "cut, a disk that was full or broken, rotten bits, or a store that refused it, and lies in a gap.",
        "",
    ),
    Section(
        "Kills",
        "kills",
        "Edge, collector and Mosquitto, over simulated meters on real sockets, are killed with SIGKILL at seeded "
        "moments, one or several at a time, and started again; then all that the meters served is compared with all "
        "that is stored (`make soak-kills`). A poll that the kill of the edge found unfinished counts only if a row "
        "was made of it.",
        "",
    ),
    Section(
        "Power cuts",
        "powercuts",
        "A writer appends to the spool on an ext4 over a disk that records each write and each flush. The power goes "
        "anywhere in the recording: what was flushed is there, and of the rest any writes, in any order, whole or some "
        "of their sectors of 512 bytes. Then the file system is mounted and the spool started, twice "
        "(`make soak-powercuts`). Half of the cuts are at the pace of a gateway, half at ten times that pace with "
        "small segments. ext4 itself cannot be mounted with half a superblock; then its check runs first, as at boot.",
        "",
    ),
)

WRITTEN_BY = """\
`make bench` measures and writes this page; no figure here comes from elsewhere, and other pages quote this one only."""

HOW = """\
Measured on {date}: {cores} cores ({processor}), kernel {kernel}, Python {python}, load {load} at the start; {versions}.
Number of rounds: {rounds}. For each figure the best of them counts; for faults (missing, inside the silence, shortest
silence) the worst. A figure in bold misses its target.{apart}"""

LIMITS = """\
- Meters, broker, store and the process under measurement share one machine: CPU times and ratios are the result,
  rates are indications. On another machine, a Raspberry Pi for example, all absolute figures are different.
- Everything is on loopback, without TLS; what the flash of an SD card makes of a write is not in the figures.
- The serial line is a pseudo-terminal: the latency of USB adapters and the turnaround of RS-485 come on top."""


def results_of(found: Mapping[str, Any]) -> list[Result]:
    """Return the results in a results file."""
    names = [field.name for field in fields(Result)]
    return [Result(**{name: entry[name] for name in names}) for entry in found["figures"]]


def render(found: Mapping[str, Any]) -> str:
    """Return the page."""
    results = results_of(found)
    machine = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    blocks = [
        "# Benchmarks",
        WRITTEN_BY,
        HOW.format(date=found["date"], rounds=found["rounds"], versions=versions, apart=_apart(found), **machine),
        *(block for section in SECTIONS for block in _section(section, results)),
        "## What falls short",
        "\n".join(_shortcomings(results)),
        "## What these figures do not say",
        LIMITS,
    ]
    return "\n\n".join(blocks) + "\n"


def _apart(found: Mapping[str, Any]) -> str:
    """Return when the sections were measured that are measured apart."""
    apart = found.get("apart", {})
    dates = {
        section.title: max(each["date"] for subject, each in apart.items() if subject.startswith(section.subjects))
        for section in SECTIONS
        if any(subject.startswith(section.subjects) for subject in apart)
    }
    said = ", ".join(f"{title} on {date}" for title, date in dates.items())
    apart_said = f"\nMeasured apart, once (`make bench-wear`, `make soak-kills`, `make soak-powercuts`): {said}."
    later = found.get("again", {})
    again = ", ".join(f"{name} on {each['date']} (load {each['load']})" for name, each in later.items())
    again_said = f"\nMeasured again, by themselves (`make bench ARGS='--only NAME'`): {again}."
    return (apart_said if said else "") + (again_said if again else "")


def _section(section: Section, results: Sequence[Result]) -> Iterator[str]:
    held = [result for result in results if result.subject.startswith(section.subjects)]
    if not held:
        return
    yield f"## {section.title}"
    yield section.method
    head = ["what", "unit", "target", "Kvarter"]
    if section.peer:
        yield f"Peer: {section.peer}"
        head += ["peer", "Kvarter / peer"]
    rows = [_cells(result)[: len(head)] for result in held]
    yield "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _cells(result: Result) -> list[str]:
    ratio = "" if result.ratio is None else shown(result.ratio)
    peer = "" if result.peer is None else shown(result.peer)
    return [result.what, result.unit, _target(result), _own(result), peer, ratio]


def _own(result: Result) -> str:
    return shown(result.kvarter) if result.is_met else f"**{shown(result.kvarter)}**"


def _target(result: Result) -> str:
    if not result.target:
        return "" if result.target is None else "none"
    return f"{'≤' if result.good == 'low' else '≥'} {shown(result.target)}"


def _shortcomings(results: Sequence[Result]) -> Iterator[str]:
    if all(result.is_met for result in results):
        yield "- No target is missed."
    for result in results:
        place = next(section.title for section in SECTIONS if result.subject.startswith(section.subjects))
        value = f"{shown(result.kvarter)} {result.unit}".rstrip()
        if not result.is_met:
            yield f"- {place}, {result.what}: {value}; the target is {_target(result)}."
        if result.is_behind and result.peer is not None:
            yield f"- {place}, {result.what}: {value}; that of the peer is {shown(result.peer)}."


def shown(value: float) -> str:
    """Return the number with three digits that count, whole where it has more."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"
