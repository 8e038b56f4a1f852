"""Devices, brokers, stores and strangers that misbehave: said, counted, and of no harm to anything else."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.core.readout import Status
from gateway.stores.read_back import Columns, read_back
from tests.e2e.bad_devices import BAD, BEHAVIOURS, SOUND, field_gateway
from tests.e2e.bad_store import BadStore, time_ms_of
from tests.e2e.commands import RunningRole, balance, running, stored, until
from tests.e2e.scripted_broker import scripted_broker
from tests.e2e.servers import Mosquitto, mosquitto
from tests.e2e.strangers import BAD_RECEIPTS, FOREIGN, INVENTED, LACKING, MALFORMED, say
from tests.e2e.workbench import SITE, Aside, listening, simulated, write_collector, write_site
from tests.stores.scripted_server import scripted_server

PROFILE = "eastron/sdm120"
VALUES = {
    "elec_voltage_l1": 231.5,
    "elec_current_l1": 2.5,
    "elec_power_active": 578.75,
    "elec_power_apparent": 580.5,
    "elec_power_reactive": 12.5,
    "elec_power_factor": 0.75,
    "elec_frequency": 50.25,
    "elec_energy_import": 1234.5,
    "elec_energy_export": 17.25,
    "elec_energy_reactive_import": 3.5,
    "elec_energy_reactive_export": 4.5,
}
KNOWN_MS, WINDOW_MS = 6_000, 20_000
"""From its first failure until a device is known to be bad, and how long its neighbour is watched from then on."""
FAILS = {
    **dict.fromkeys(("never", "late", "foreign", "miscounting"), Status.NO_ANSWER),
    "refusing": Status.REFUSED,
    "numberless": Status.PARTIAL,
    "hanging-up": Status.LINK_DOWN,
}
"""What a poll of a bad device gives; the others give corrupt frames."""
TROUBLES = (
    "poll_no_answer", "poll_refused", "poll_corrupt_frame", "poll_partial", "poll_link_down", "poll_skipped",
    "link_timeouts", "link_late", "link_foreign", "link_corrupt", "link_reopenings",
)  # fmt: skip
MOST_LOST = 1
"""Of twenty polls of a neighbour, beyond what a busy machine cost a device alone on its link: 5 %."""
STRANGE = {"malformed": len(MALFORMED), "lacking": len(LACKING), "foreign": len(FOREIGN), "store_failures": 4}
HEAT_PUMP = "stiebel-eltron/isg-wpm"
HEAT = {"weather_temp": None, "hp_temp_sink_supply": None, "hp_temp_setpoint": 35.5, "hp_temp_sink_return": 31.5}
"""What the heat pump says; it has a code for no value."""

Rows = Sequence[tuple[int, Columns]]


@pytest.fixture
def aside() -> Iterator[Aside]:
    with Aside() as loop:
        yield loop


def rows_of(store: Path) -> Mapping[str, Rows]:
    """Device → its rows."""
    with read_back(store) as found:
        return {device: list(found.rows(SITE, device)) for device in found.devices(SITE)}


def newest_ms(store: Path, device: str) -> int:
    """Time of a device's last row."""
    with read_back(store) as found:
        return max(time_ms for time_ms, _ in found.rows(SITE, device))


def values_of(rows: Rows) -> set[tuple[str, object]]:
    """All that was ever stored of a device, beside its status."""
    return {(name, value) for _, row in rows for name, value in row.items() if value is not None and name != "status"}


def lines_about(log: str, word: str) -> list[str]:
    """Complaints with a word in them."""
    return [line for line in log.splitlines() if re.search(rf"\b{word}(?![\w-])", line) and " INFO " not in line]


@pytest.mark.timeout(120)
def test_a_bad_device_is_said_and_counted_and_its_neighbour_is_read(tmp_path: Path, aside: Aside) -> None:
    """Twenty bad devices, each with a sound one on its link: no wrong value, one line each, 95 % of the sound polls."""
    values, heat = tmp_path / "values.yaml", tmp_path / "heat.yaml"
    values.write_text(json.dumps(VALUES), encoding="utf-8")
    heat.write_text(json.dumps(HEAT), encoding="utf-8")
    with ExitStack() as stack:
        enter = stack.enter_context
        links, devices = {}, []
        for framing, behaviours in BEHAVIOURS.items():
            options = ("--values", values, "--framing", framing)
            meter = enter(simulated(tmp_path, f"meter-{framing}", *options, profile=PROFILE))
            for name, behave in behaviours.items():
                link = f"{framing}-{name}"
                links[link] = {
                    "tcp": aside.enter(field_gateway(meter.address, behave, framing=framing)),
                    "framing": framing,
                }
                devices += [device(f"bad-{link}", link, BAD), device(f"sound-{link}", link, SOUND)]
        pump = enter(simulated(tmp_path, "pump", "--values", heat, profile=HEAT_PUMP))
        links["heating"] = {"tcp": pump.address}
        devices.append({"id": "pump", "profile": HEAT_PUMP, "link": "heating", "interval": "1s"})
        broker = enter(mosquitto(tmp_path))
        ear = enter(listening(broker.url, "kvarter/1/+/status"))
        collector = write_collector(tmp_path / "collector.yaml", broker=broker.url, stores=[embedded(tmp_path)])
        site = write_site(tmp_path / "site.yaml", broker=broker.url, links=links, devices=devices)
        enter(running("collect", collector, log=tmp_path / "collect.log"))
        edge = enter(running("edge", site, log=tmp_path / "edge.log"))
        until(lambda: len(stored(tmp_path / "store", SITE)) == len(devices), what="a row of each device")
        end_ms = KNOWN_MS + WINDOW_MS + 1000 + max(rows[0][0] for rows in rows_of(tmp_path / "store").values())
        until(lambda: newest_ms(tmp_path / "store", "pump") > end_ms, what="the time to pass", patience_s=60)
        until(lambda: told(ear.counters()) >= set(TROUBLES), what="the counters in the status")
    found = rows_of(tmp_path / "store")
    for link in links.keys() - {"heating"}:
        bad, sound = found[f"bad-{link}"], found[f"sound-{link}"]
        assert {row["status"] for _, row in bad} <= {FAILS.get(link[4:], Status.CORRUPT_FRAME), Status.SKIPPED}, link
        assert values_of(bad) == set(), link
        assert values_of(sound) == set(VALUES.items()), link
        from_ms = bad[0][0] + KNOWN_MS
        assert lost(sound, from_ms) <= lost(found["pump"], from_ms) + MOST_LOST, link
        complaints = lines_about(edge.log, link)
        assert len(complaints) == (link != "tcp-numberless"), complaints
    heard = values_of(found["pump"])
    assert {name for name, value in HEAT.items() if value is None}.isdisjoint(name for name, _ in heard)
    assert heard >= {(name, value) for name, value in HEAT.items() if value is not None}
    assert {row["status"] for _, row in found["pump"]} <= {Status.PARTIAL, Status.SKIPPED}
    assert "Traceback" not in edge.log


def embedded(folder: Path) -> dict[str, object]:
    return {"kind": "embedded", "path": str(folder / "store")}


def small_site(
    folder: Path, stack: ExitStack, *, broker: str, stores: Sequence[Mapping[str, object]]
) -> tuple[Path, Path]:
    """Serve one sound meter, and return the files of its site and of a collector."""
    meter = stack.enter_context(simulated(folder, "meter", profile=PROFILE))
    links, devices = {"cabinet": {"tcp": meter.address}}, [device("meter", "cabinet", SOUND)]
    return (
        write_site(folder / "site.yaml", broker=broker, links=links, devices=devices),
        write_collector(folder / "collector.yaml", broker=broker, stores=stores),
    )


def device(name: str, link: str, unit_id: int) -> dict[str, object]:
    return {"id": name, "profile": PROFILE, "link": link, "unit_id": unit_id, "interval": "1s"}


def lost(rows: Rows, from_ms: int) -> int:
    """Count the polls in the window that gave no value."""
    statuses = [row["status"] for time_ms, row in rows if 0 <= time_ms - from_ms < WINDOW_MS]
    return sum(status not in {Status.OK, Status.PARTIAL} for status in statuses)


def complete(folder: Path) -> bool:
    """Whether everything that the meter of a small site said is stored, once and unaltered."""
    if not stored(folder / "store", SITE):
        return False
    served = folder / "meter.served"
    audit = balance(folder / "store", SITE, device="meter", profile=PROFILE, log=served, interval_ms=1000)
    assert (audit.invented, audit.differing) == (0, 0), audit.findings
    return audit.values > 0 and audit.lost == 0


@pytest.mark.timeout(120)
def test_a_broker_that_acknowledges_nothing_refuses_and_vanishes_loses_nothing(tmp_path: Path, aside: Aside) -> None:
    """Each trouble of the broker is said once and counted on both sides; when a sound one comes everything arrives."""
    server = Mosquitto(tmp_path)
    words = ("no answer in time; check broker.url", "it refuses: we are not authorised", "nothing listens there")
    with ExitStack() as stack:
        enter = stack.enter_context
        bad = aside.enter(scripted_broker(server.port))
        site, collector = small_site(tmp_path, stack, broker=server.url, stores=[embedded(tmp_path)])
        roles = [
            enter(running(name, file, log=tmp_path / f"{name}.log"))
            for name, file in (("collect", collector), ("edge", site))
        ]
        edge = roles[1]
        until(lambda: words[0] in edge.log, what="the first complaint")
        bad.refuses = True
        until(lambda: words[1] in edge.log, what="the second complaint")
        aside.close()
        until(lambda: all(words[2] in role.log for role in roles), what="the third complaint")
        server.start()
        stack.callback(server.stop)
        ear = enter(listening(server.url, "kvarter/1/+/status"))
        until(lambda: ear.counters().get("relay_failures", 0) >= 3, what="the counter of the gateway")
        until(lambda: ear.counters("collector-").get("collector_failures", 0) >= 2, what="the counter of the collector")
        until(lambda: complete(tmp_path), what="all readouts since the start")
    for role in roles:
        assert [role.log.count(text) <= 1 for text in words] == [True] * 3, role.log
        assert "Traceback" not in role.log
    assert [edge.log.count(text) for text in words] == [1, 1, 1], edge.log


@pytest.mark.timeout(120)
def test_a_bad_store_and_strangers_on_our_topics_lose_nothing(tmp_path: Path, aside: Aside) -> None:
    """Bad answers of a store and payloads that are not ours are said, counted and harmless; refused lines are gaps."""
    script = BadStore()
    server = aside.enter(scripted_server(script.answer))
    remote = {"kind": "influx", "url": server.url, "bucket": "readings"}
    with ExitStack() as stack:
        enter = stack.enter_context
        broker = enter(mosquitto(tmp_path))
        ear = enter(listening(broker.url, "kvarter/1/+/status"))
        site, collector = small_site(tmp_path, stack, broker=broker.url, stores=[embedded(tmp_path), remote])
        collect = enter(running("collect", collector, log=tmp_path / "collect.log"))
        edge = enter(running("edge", site, log=tmp_path / "edge.log"))
        until(lambda: bool(ear.counters() and ear.counters("collector-")), what="both at the broker")
        asyncio.run(say(broker.url, [*MALFORMED, *LACKING, *FOREIGN, *BAD_RECEIPTS, *INVENTED]))
        until(lambda: ear.counters().get("relay_idle_receipts") == len(INVENTED), what="the gateway's counters")
        until(lambda: "collector_refused" in told(ear.counters("collector-")), what="the collector's", patience_s=60)
        until(lambda: complete(tmp_path), what="all readouts")
        assert peak_mib(collect) < 150
        assert edge.stop() == 0
        until(lambda: script.times() == held(tmp_path) - refused(tmp_path), what="the last readouts in the bad store")
        until(lambda: script.times("kvarter_event") >= refused(tmp_path), what="the gaps in the bad store")
    assert ear.counters()["relay_malformed_receipts"] == len(BAD_RECEIPTS)
    counters = {name: ear.counters("collector-")[f"collector_{name}"] for name in STRANGE}
    assert counters == STRANGE
    letters = dead_letters(tmp_path)
    assert {time_ms_of(letter["line"].encode()) for letter in letters} == refused(tmp_path)
    assert {(letter["by"], letter["reason"]) for letter in letters} == {("influx_2", "no such field")}
    for text in ("answers 503: busy", "answers 429: too many", "cut off", "refuses a line: no such field", "deadbeef"):
        assert collect.log.count(text) == 1, collect.log
    assert collect.log.count("is dropped") == collect.log.count("too large") == edge.log.count("is ignored") == 1
    assert "Traceback" not in collect.log + edge.log


def told(counters: Mapping[str, int]) -> set[str]:
    """What a status counts more than 0 of."""
    return {name for name, count in counters.items() if count}


def held(folder: Path) -> set[int]:
    """Times of all rows of the meter in the embedded store."""
    return {time_ms for time_ms, _ in rows_of(folder / "store")["meter"]}


def refused(folder: Path) -> set[int]:
    """Times of the readouts that the bad store never takes."""
    return {time_ms for time_ms in held(folder) if BadStore.never_takes(time_ms)}


def dead_letters(folder: Path) -> list[dict[str, str]]:
    """What the collector set aside."""
    text = (folder / "collector.data" / "dead-letters" / "dead-letters.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def peak_mib(role: RunningRole) -> int:
    """Most memory that a role ever had."""
    status = Path(f"/proc/{role.process.pid}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024
