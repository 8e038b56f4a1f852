"""A whole pipeline of real processes whose parts are killed at seeded moments, and the audit of what is stored after.

python -m tests.e2e.kills [--kills 1000] [--seed 1] [--persistence] [--results FILE]
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

import pytest
from rich.progress import Progress

from drivers.catalog import Catalog, with_registers
from gateway.app.audit import DeviceAudit, Served, Stored, audit_device
from gateway.core.quantity import load_vocabulary
from gateway.sim.image import lay_out
from gateway.sim.truth import points_served, read_log
from gateway.stores.read_back import read_back
from tests.e2e.commands import RunningRole, start, stored, until
from tests.e2e.servers import Mosquitto
from tests.e2e.workbench import SITE, Simulated, simulated, write_collector, write_site

PROFILES: Mapping[str, str] = {"main_meter": "eastron/sdm630", "flat_1": "eastron/sdm120", "workshop": "eastron/sdm630"}
"""Simulated device → its profile."""
INTERVAL_MS = 400
IN_HAND_MS = INTERVAL_MS // 2
"""Answered so shortly before the edge was killed that the poll may not have been finished."""
GRAIN_MS = 1
SETTLE_S = 90.0
READING_SHARE = 0.8
"""Of the kills come when the edge reads; the others may find it starting."""
LONGEST_PAUSE_S = 0.6
LONGEST_REST_S = 1.6
Kill = tuple[int, int]
"""UTC ms before and after an edge was killed."""


@dataclass(slots=True)
class Tally:
    """What was killed, and what the audit says."""

    seed: int
    persistence: bool
    edge: int = 0
    collector: int = 0
    broker: int = 0
    seconds: float = 0.0
    readouts: int = 0
    values: int = 0
    lost: int = 0
    invented: int = 0
    differing: int = 0
    gaps: list[str] = field(default_factory=list)
    """Causes of the gaps that were declared; a kill loses nothing, so that there must be none."""
    findings: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Processes killed."""
        return self.edge + self.collector + self.broker

    @property
    def balances(self) -> bool:
        """Whether all that was read is stored, and nothing else."""
        return not (self.lost or self.invented or self.differing or self.gaps) and self.values > 0


class Pipeline:
    """Simulated meters, an edge, a broker and a collector, each a process of its own that can be killed.

    Args:
        folder: For everything that they write.
        persistence: Whether the broker keeps its messages on disk.
    """

    def __init__(self, folder: Path, *, persistence: bool) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.edge_kills: list[Kill] = []
        self._stack = ExitStack()
        kept = (
            ("persistence true", f"persistence_location {folder}/", "autosave_interval 1", "autosave_on_changes true")
            if persistence
            else ()
        )
        self.broker = Mosquitto(folder, *kept)
        self._devices: dict[str, Simulated] = {}
        self._roles: dict[str, RunningRole] = {}
        self._files: dict[str, Path] = {}

    def open(self) -> None:
        """Start everything; `close` must follow."""
        for seed, (device, profile) in enumerate(PROFILES.items()):
            serving = simulated(self.folder, device, "--seed", str(seed), profile=profile)
            self._devices[device] = self._stack.enter_context(serving)
        self._stack.callback(self.broker.stop)
        self.broker.start()
        links = {f"link_{device}": {"tcp": meter.address} for device, meter in self._devices.items()}
        devices = [
            {"id": device, "profile": profile, "link": f"link_{device}", "unit_id": 1, "interval": f"{INTERVAL_MS}ms"}
            for device, profile in PROFILES.items()
        ]
        self._files = {
            "edge": write_site(self.folder / "site.yaml", broker=self.broker.url, links=links, devices=devices),
            "collect": write_collector(
                self.folder / "collector.yaml",
                broker=self.broker.url,
                stores=[{"kind": "embedded", "path": str(self.store)}],
            ),
        }
        self.start("edge")
        self.start("collect")

    def close(self) -> None:
        """End everything, by force where it must be."""
        for role in self._roles.values():
            if role.process.poll() is None:
                role.kill()
        self._stack.close()

    def start(self, role: str) -> None:
        """Start the edge or the collector (again)."""
        self._roles[role] = start(role, self._files[role], log=self.folder / f"{role}.log")

    def kill(self, victim: str) -> None:
        """Kill the edge, the collector or the broker, wherever it is."""
        if victim == "broker":
            self.broker.kill()
            return
        before_ms = _now_ms()
        self._roles[victim].kill()
        if victim == "edge":
            self.edge_kills.append((before_ms, _now_ms()))

    def revive(self, victim: str) -> None:
        """Start it again."""
        if victim == "broker":
            self.broker.start()
        else:
            self.start(victim)

    def await_polls(self) -> None:
        """Return when the edge has asked every meter since now."""
        before = {device: _size(meter) for device, meter in self._devices.items()}
        polled = lambda: all(_size(meter) > before[device] for device, meter in self._devices.items())  # noqa: E731
        try:
            until(polled, what="polls")
        except pytest.fail.Exception as exc:
            silent = [device for device, meter in self._devices.items() if _size(meter) <= before[device]]
            ended = {role: each.process.poll() for role, each in self._roles.items()}
            raise RuntimeError(f"{exc} of {silent}; exit codes {ended}\n{self.log}") from exc

    def settle(self) -> None:
        """Stop reading in good order, and let what is still on its way arrive."""
        before = {device: len(times) for device, times in stored(self.store, SITE).items()}
        # A new edge knows of no batch that is on its way, and so offers at once all that has no receipt.
        self.kill("edge")
        self.start("edge")
        until(lambda: self._have_grown(before), what=f"fresh readouts\n{self.log}", patience_s=SETTLE_S)
        before_ms = _now_ms()
        self._roles["edge"].stop()
        self.edge_kills.append((before_ms, _now_ms()))
        self.start("edge")
        stopped_ms = before_ms
        end_s = time.monotonic() + SETTLE_S
        while not self._is_whole(stopped_ms) and time.monotonic() < end_s:
            time.sleep(1.0)

    @property
    def log(self) -> str:
        """The last lines that edge and collector logged."""
        return "\n".join(line for role in self._roles.values() for line in role.log.splitlines()[-15:])

    def audit(self, until_ms: int | None = None) -> list[DeviceAudit]:
        """Compare what is stored with what the meters served, but for polls that a kill found unfinished.

        Args:
            until_ms: What is served after it is not looked at.
        """
        return [self._audit(device, profile, until_ms) for device, profile in PROFILES.items()]

    def gaps(self) -> list[str]:
        """Return the causes of all gaps that are stored."""
        with read_back(self.store) as found:
            return [each.event.cause for each in found.events(SITE) if each.event.kind == "gap"]

    def _audit(self, device: str, profile: str, until_ms: int | None) -> DeviceAudit:
        vocabulary = load_vocabulary()
        found_profile = with_registers(Catalog(vocabulary).find(profile))
        points = lay_out(found_profile, vocabulary, name=profile).points[1]
        served = list(points_served(read_log(self._devices[device].log), points, device=profile))
        with read_back(self.store) as found:
            rows = list(found.rows(SITE, device))
        if until_ms is not None:
            served = [each for each in served if each[0] <= until_ms]
            rows = [each for each in rows if each[0] <= until_ms]
        own_s = {point.point: point.interval or 0.0 for point in found_profile.points}
        intervals_ms = {placed.name: max(INTERVAL_MS, round(own_s[placed.name] * 1000)) for placed in points}
        return audit_device(device, finished(served, rows, self.edge_kills), rows, intervals_ms=intervals_ms, gaps=())

    def _have_grown(self, before: Mapping[str, int]) -> bool:
        now = stored(self.store, SITE)
        return all(len(now.get(device, ())) > before.get(device, 0) + 1 for device in PROFILES)

    def _is_whole(self, until_ms: int) -> bool:
        return all(audit.balances for audit in self.audit(until_ms))


def finished(served: Sequence[Served], rows: Sequence[Stored], kills: Sequence[Kill]) -> list[Served]:
    """Return the answers without those to polls that a kill of the edge found unfinished.

    Such a poll was answered shortly before the kill, and no row was made of it. Where there is a row, it counts.
    """
    times = [time_ms for time_ms, _ in rows]
    return [
        answer
        for answer in served
        if not any(
            before_ms - IN_HAND_MS <= answer[0] <= after_ms + GRAIN_MS
            and not any(answer[0] - GRAIN_MS <= time_ms <= after_ms + GRAIN_MS for time_ms in times)
            for before_ms, after_ms in kills
        )
    ]


@contextmanager
def pipeline(folder: Path, *, persistence: bool) -> Iterator[Pipeline]:
    """Run a pipeline for the block."""
    running = Pipeline(folder, persistence=persistence)
    try:
        running.open()
        yield running
    finally:
        running.close()


def kill_at_random(running: Pipeline, random: Random, kills: int, progress: Callable[[Tally], None]) -> Tally:
    """Kill so many processes, one or several at a time, at moments that the seed chooses; then settle and audit."""
    tally = Tally(seed=0, persistence=False)
    while tally.kills < kills:
        if random.random() < READING_SHARE:
            running.await_polls()
        time.sleep(random.uniform(0.0, LONGEST_REST_S))  # the moment of the kill is what is random
        most = min(kills - tally.kills, random.choice((1, 1, 1, 2, 3)))
        victims = random.sample(("edge", "collect", "broker"), most)
        for victim in victims:
            running.kill(victim)
        time.sleep(random.uniform(0.0, LONGEST_PAUSE_S))
        for victim in random.sample(victims, len(victims)):
            running.revive(victim)
        tally.edge += "edge" in victims
        tally.collector += "collect" in victims
        tally.broker += "broker" in victims
        progress(tally)
    return tally


def judge(running: Pipeline, tally: Tally) -> Tally:
    """Let everything arrive, and add what the audit says."""
    running.settle()
    stopped_ms = running.edge_kills[-1][0]
    for audit in running.audit(stopped_ms):
        tally.readouts += audit.rows
        tally.values += audit.values
        tally.lost += audit.lost
        tally.invented += audit.invented
        tally.differing += audit.differing
        tally.findings += audit.findings
    tally.gaps = running.gaps()
    return tally


def one_run(folder: Path, *, seed: int, kills: int, persistence: bool, progress: Callable[[Tally], None]) -> Tally:
    """Return what became of one pipeline under so many kills."""
    started_s = time.monotonic()
    with pipeline(folder, persistence=persistence) as running:
        random = Random(seed)  # noqa: S311 - when and whom to kill
        tally = kill_at_random(running, random, kills, progress)
        tally.seed, tally.persistence = seed, persistence
        judge(running, tally)
    tally.seconds = round(time.monotonic() - started_s, 1)
    return tally


def soak(kills: int, *, seed: int, each: int) -> list[Tally]:
    """Kill so many processes in runs of `each`, every second one with a broker that forgets; show how far it is."""
    tallies: list[Tally] = []
    with Progress() as progress:
        task = progress.add_task(f"seed {seed}", total=kills)
        while (done := sum(tally.kills for tally in tallies)) < kills:
            wanted = min(each, kills - done)

            def show(tally: Tally, done: int = done) -> None:
                progress.update(task, completed=done + tally.kills)

            progress.update(task, description=f"seed {seed}")
            with tempfile.TemporaryDirectory() as folder:
                tally = one_run(Path(folder), seed=seed, kills=wanted, persistence=len(tallies) % 4 == 3, progress=show)
            tallies.append(tally)
            progress.console.print(json.dumps(asdict(tally)))
            seed += 1
    return tallies


def figures(tallies: Sequence[Tally]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the sums of all runs, as the page of the benchmarks takes them."""
    return {
        "kills": {
            "kvarter": {
                "kills": sum(tally.kills for tally in tallies),
                "edge": sum(tally.edge for tally in tallies),
                "collector": sum(tally.collector for tally in tallies),
                "broker_without_persistence": sum(tally.broker for tally in tallies if not tally.persistence),
                "broker_with_persistence": sum(tally.broker for tally in tallies if tally.persistence),
                "values": sum(tally.values for tally in tallies),
                "lost": sum(tally.lost for tally in tallies),
                "invented": sum(tally.invented for tally in tallies),
                "differing": sum(tally.differing for tally in tallies),
                "gaps": sum(len(tally.gaps) for tally in tallies),
                "seconds": sum(tally.seconds for tally in tallies),
            }
        }
    }


def main() -> None:
    """Kill, print each run with its seed, and keep the figures; exit code 1 when a run does not balance."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.kills", description="Kill parts of a real pipeline.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=100, help="kills in one pipeline")
    parser.add_argument("--results", type=Path, help="where to keep the figures")
    options = parser.parse_args()
    tallies = soak(options.kills, seed=options.seed, each=options.each)
    if options.results:
        options.results.write_text(json.dumps(figures(tallies), indent=2) + "\n", encoding="utf-8")
    broken = [tally.seed for tally in tallies if not tally.balances]
    sys.stdout.write(f"{sum(tally.kills for tally in tallies)} kills; seeds that do not balance: {broken or 'none'}\n")
    sys.exit(bool(broken))


def _size(meter: Simulated) -> int:
    return meter.log.stat().st_size if meter.log.exists() else 0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main()
