"""A store that was restored from a backup gets again what the spool still holds: `kvarter replay`."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.stores.read_back import read_back
from tests.e2e.commands import KVARTER, PATIENCE_S, running, stored, until
from tests.e2e.servers import free_port, mosquitto
from tests.e2e.store_servers import StoreServer, flush, victoria_metrics
from tests.e2e.terminal import terminal
from tests.e2e.workbench import METER, SITE, simulated, write_collector, write_site

DEVICE = "main_meter"
Row = Mapping[str, float | int | None]


def replay(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `kvarter replay` where the service's socket is found."""
    environment = {**os.environ, "RUNTIME_DIRECTORY": str(folder / "memory")}
    command = [str(KVARTER), "replay", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False, env=environment,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def rows(store: Path) -> dict[int, Row]:
    """Return time → values of the meter; a column without value says no more than no column."""
    with read_back(store) as found:
        return {
            time_ms: {name: value for name, value in row.items() if value is not None}
            for time_ms, row in found.rows(SITE, DEVICE)
        }


def test_an_embedded_store_that_was_lost_is_filled_again(tmp_path: Path) -> None:
    """Every row that stood in the store stands there again, with the same values, once; twice changes nothing."""
    store = tmp_path / "site.data" / "store"
    with simulated(tmp_path, "meter") as meter:
        described = {"id": DEVICE, "profile": METER, "link": "a", "unit_id": 1, "interval": "200ms"}
        site = write_site(
            tmp_path / "site.yaml",
            broker="mqtt://127.0.0.1:1",
            links={"a": {"tcp": meter.address}},
            devices=[described],
        )
        tree = json.loads(site.read_text(encoding="utf-8"))
        del tree["broker"]
        site.write_text(json.dumps({**tree, "web": {"listen": "off"}}), encoding="utf-8")
        with running("run", site, log=tmp_path / "run.log"):
            until(lambda: len(stored(store, SITE).get(DEVICE, [])) > 20, what="readouts")
        before = rows(store)
        shutil.rmtree(store)
        with running("run", site, log=tmp_path / "run.log") as service:
            until(lambda: len(stored(store, SITE).get(DEVICE, [])) > 2, what="readouts of the new store")
            assert not set(before) & set(rows(store))
            answer = replay(tmp_path, "--since", "1h", "--site", site)
            assert answer.returncode == 0, answer.stderr
            assert "store: " in answer.stdout
            assert "all of it is confirmed stored" in answer.stdout
            after = rows(store)
            assert {time_ms: after.get(time_ms) for time_ms in before} == before
            again = replay(tmp_path, "--since", "1h", "--site", site, "--json")
            tree = json.loads(again.stdout)
            assert tree["confirmed"] is True
            assert tree["delivery"][0]["readouts"] >= len(before)
            until(lambda: len(rows(store)) > len(after), what="readouts as before")
            assert {time_ms: rows(store).get(time_ms) for time_ms in after} == after
            nothing = replay(tmp_path, "--since", "2020-01-01T00:00", "--to", "nowhere", "--site", site)
            assert (nothing.returncode, "delivers to store" in nothing.stderr) == (2, True)
            ahead = replay(tmp_path, "--since", "2100-01-01T00:00", "--site", site)
            assert (ahead.returncode, "lies ahead" in ahead.stderr) == (2, True)
            assert service.stop() == 0
        assert "Traceback" not in (tmp_path / "run.log").read_text(encoding="utf-8")


def samples(server: StoreServer) -> dict[str, dict[int, float]]:
    """Return point → time → value of all that a VictoriaMetrics holds of the meter."""
    flush(server)
    found: dict[str, dict[int, float]] = {}
    for line in server.get("/api/v1/export", **{"match[]": f'{{device="{DEVICE}"}}'}).splitlines():
        tree = json.loads(line)
        series = found.setdefault(tree["metric"]["__name__"], {})
        series.update(zip(tree["timestamps"], tree["values"], strict=True))
    return found


def lost(before: Mapping[str, Mapping[int, float]], after: Mapping[str, Mapping[int, float]]) -> dict[str, list[int]]:
    """Return point → times whose values are not there any more."""
    missing = {
        name: [time_ms for time_ms, value in series.items() if after.get(name, {}).get(time_ms) != value]
        for name, series in before.items()
    }
    return {name: times_ms for name, times_ms in missing.items() if times_ms}


def times(server: StoreServer) -> set[int]:
    """Return the times of the good readouts of the meter."""
    return {time_ms for time_ms, status in samples(server).get("kvarter_status", {}).items() if status == 0}


@pytest.mark.timeout(150)
def test_a_victoriametrics_that_lost_its_disk_is_filled_again(tmp_path: Path) -> None:
    """What waited on flash while the collector was away, and what memory still holds, come back value for value."""
    with ExitStack() as stack:
        meter = stack.enter_context(simulated(tmp_path, "meter"))
        broker = stack.enter_context(mosquitto(tmp_path))
        port = free_port()
        described = {"id": DEVICE, "profile": METER, "link": "a", "unit_id": 1, "interval": "200ms"}
        site = write_site(
            tmp_path / "site.yaml", broker=broker.url, links={"a": {"tcp": meter.address}}, devices=[described]
        )
        kind = {"kind": "victoria", "url": f"http://127.0.0.1:{port}"}
        collector = write_collector(tmp_path / "collector.yaml", broker=broker.url, stores=[kind])
        edge = stack.enter_context(running("edge", site, log=tmp_path / "edge.log"))
        flash = tmp_path / "site.data" / "spool" / "mqtt"
        until(lambda: any(path.stat().st_blocks for path in flash.glob("*.seg")), what="readouts on flash")
        with victoria_metrics(tmp_path, port=port) as server, running("collect", collector, log=tmp_path / "c.log"):
            until(lambda: len(times(server)) > 40, what="readouts in the store")
            before = samples(server)
        shutil.rmtree(tmp_path / "victoria")
        with victoria_metrics(tmp_path, port=port) as server, running("collect", collector, log=tmp_path / "c.log"):
            until(lambda: len(times(server)) > 2, what="readouts in the restored store")
            answer = replay(tmp_path, "--since", "1h", "--site", site, "--at-once")
            assert answer.returncode == 0, answer.stderr
            # What was on its way when the collector went has no receipt, and is sent again half a minute later.
            until(lambda: not lost(before, samples(server)), what="all that was stored before", patience_s=60)
        assert edge.stop() == 0


def test_a_collector_that_went_on_is_given_time_to_forget(tmp_path: Path) -> None:
    """Over MQTT the command waits for the collector's memory, says how to skip that, and Ctrl-C leaves all as it is."""
    with ExitStack() as stack:
        meter = stack.enter_context(simulated(tmp_path, "meter"))
        broker = stack.enter_context(mosquitto(tmp_path))
        described = {"id": DEVICE, "profile": METER, "link": "a", "unit_id": 1, "interval": "1s"}
        site = write_site(
            tmp_path / "site.yaml", broker=broker.url, links={"a": {"tcp": meter.address}}, devices=[described]
        )
        edge = stack.enter_context(running("edge", site, log=tmp_path / "edge.log"))
        until(lambda: "reading 1 devices" in edge.log, what="the edge")
        where = {"RUNTIME_DIRECTORY": str(tmp_path / "memory")}
        with terminal("replay", "--since", "1h", "--site", site, environment=where) as screen:
            screen.await_text("--at-once skips this")
            screen.await_text("/120 ")
            assert screen.interrupt() == 130
        answer = replay(tmp_path, "--since", "1h", "--site", site, "--at-once", "--no-wait")
        assert answer.returncode == 0, answer.stderr
        assert "not on its way already" in answer.stdout


def test_without_a_service_replay_says_so(tmp_path: Path) -> None:
    """One line names the way out, with the exit code of what was not reached."""
    answer = replay(tmp_path, "--since", "1h", "--socket", tmp_path / "none.sock")
    assert (answer.returncode, len(answer.stderr.splitlines())) == (3, 1)
