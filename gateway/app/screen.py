"""What the demo shows: one screen while it runs, the audit when it has ended."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.app.audit import DeviceAudit
from gateway.core.protocols import Backlog
from gateway.web.texts import load_texts

WIDTH_OF_FILES = 120
"""Characters, where the output is not a terminal."""


@dataclass(frozen=True, slots=True)
class LiveDevice:
    """The last readout of one device."""

    name: str
    profile: str
    main_value: str
    age_s: float
    status: str
    """`unread`, or a code of docs/status.md."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One look at a running demo."""

    seconds: float
    readouts: int
    """Read since the start."""
    per_s: float
    stored: int
    """Confirmed by the store."""
    backlog: Backlog
    gaps: int
    devices: Sequence[LiveDevice] = ()
    troubles: Mapping[str, int] = field(default_factory=dict)


class Screen:
    """A screen that is drawn anew with each look; a line every ten seconds where there is no terminal.

    Args:
        headless: Print lines in any case.
        err: Print them on standard error.
    """

    def __init__(self, *, headless: bool, err: bool = False) -> None:
        self._console = Console(highlight=False, stderr=err)
        self._live = (
            None if headless or not self._console.is_terminal else Live(console=self._console, auto_refresh=False)
        )
        self._lines = 0
        self._page = ""

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def tell_page(self, address: str) -> None:
        """Say where the page is."""
        self._page = address
        if self._live is None:
            self._console.print(f"page: {address}", soft_wrap=True)

    def show(self, figures: Figures) -> None:
        """Draw the figures."""
        if self._live is not None:
            self._live.update(_drawn(figures, self._page), refresh=True)
        elif figures.seconds >= 10 * self._lines:
            self._lines += 1
            self._console.print(_line(figures), soft_wrap=True)


def print_audit(audits: Sequence[DeviceAudit], *, as_json: bool = False) -> None:
    """Print the balance, device by device, and the verdict."""
    if as_json:
        tree = [{**asdict(audit), "balances": audit.balances} for audit in audits]
        sys.stdout.write(json.dumps(tree, indent=2, ensure_ascii=False) + "\n")
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
    table = Table(
        title="Audit: the store, read afresh, against the registers that were served", title_justify="left", box=None
    )
    for name in (
        "device",
        "rows",
        "values equal",
        "lost",
        "invented",
        "different",
        "discarded",
        "in gaps",
        "cut off at the end",
    ):
        table.add_column(name, justify="left" if name == "device" else "right")
    for audit in audits:
        counts = (
            audit.rows,
            audit.values,
            audit.lost,
            audit.invented,
            audit.differing,
            audit.discarded,
            audit.in_gaps,
            audit.unfinished,
        )
        style = "" if audit.balances else "bold red"
        table.add_row(audit.device, *map(str, counts), style=style)
    console.print(table)
    for audit in audits:
        for finding in audit.findings:
            console.print(f"  {finding}", soft_wrap=True)
    rows, values = sum(audit.rows for audit in audits), sum(audit.values for audit in audits)
    if audits and rows and all(audit.balances for audit in audits):
        console.print(f"[bold green]balanced[/]: {rows} readouts, {values} values, each stored exactly once")
    else:
        console.print("[bold red]NOT balanced[/]: see the findings above")


def _line(figures: Figures) -> str:
    return (
        f"{figures.seconds:4.0f} s: {figures.readouts} readouts, {figures.per_s:.1f}/s, {figures.stored} stored, "
        f"{figures.backlog.waiting} waiting, {figures.gaps} gaps"
    )


def _drawn(figures: Figures, page: str) -> Group:
    head = Text.assemble(
        ("Kvarter demo", "bold"),
        f"   {figures.seconds:.0f} s   {len(figures.devices)} devices   {figures.per_s:.1f} readouts/s   ",
        (f"{figures.stored} confirmed stored", "green"),
        f"   {figures.backlog.waiting} waiting   {figures.gaps} gaps",
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("device", "profile", "main value", "age", "status"):
        table.add_column(name, justify="right" if name in {"main value", "age"} else "left")
    for device in figures.devices:
        style = "" if device.status == "ok" else "yellow"
        said = load_texts()["en"](f"state.{device.status}")
        table.add_row(device.name, device.profile, device.main_value, f"{device.age_s:.0f} s", said, style=style)
    troubles = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in figures.troubles.items()) or "none"
    foot = Text(f"page: {page}\ntroubles: {troubles}\nCtrl-C ends it with an audit", "dim")
    return Group(head, Text(), table, Text(), foot)
