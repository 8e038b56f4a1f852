"""What a gateway says of itself, at a collector behind a real broker."""

import json
import urllib.error
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.e2e.commands import RunningRole, running, until
from tests.e2e.servers import free_port, mosquitto
from tests.e2e.test_alerts import mail_server
from tests.e2e.test_page import fetch, page_of
from tests.e2e.workbench import METER, SITE, write_collector, write_site


def asked(role: RunningRole, leaf: str) -> Any:  # noqa: ANN401 - JSON
    """Return what the collector's API answers, None where it does not know yet."""
    try:
        return json.loads(fetch(f"{page_of(role)}/api/v1/sites/{SITE}/{leaf}"))
    except urllib.error.HTTPError as exc:
        if exc.code != HTTPStatus.NOT_FOUND:
            raise
        return None


def collector_file(folder: Path, *, broker: str, mail_port: int) -> Path:
    store = {"kind": "embedded", "path": str(folder / "store")}
    path = write_collector(folder / "collector.json", broker=broker, stores=[store])
    mail = {"host": "127.0.0.1", "port": mail_port, "security": "none", "from": "k@example.org", "to": ["a@b.example"]}
    more = {"web": {"listen": "127.0.0.1:0"}, "alerts": {"smtp": mail, "patience": "2s", "digest": "off"}}
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}), encoding="utf-8")
    return path


def site_file(folder: Path, *, broker: str, cabinet: str) -> Path:
    """Write a site of two meters behind one address."""
    units = {"first_meter": 1, "second_meter": 2}
    devices = [
        {"id": name, "profile": METER, "link": "cabinet", "unit_id": unit, "interval": "500ms"}
        for name, unit in units.items()
    ]
    return write_site(folder / "site.json", broker=broker, links={"cabinet": {"tcp": cabinet}}, devices=devices)


def assert_shown(role: RunningRole, *, cabinet: str) -> None:
    """Fail unless the collector shows what the gateway said."""
    (bus,), delivery = asked(role, "buses"), asked(role, "delivery")
    assert (bus["id"], bus["port"], bus["traceable"]) == ("cabinet", cabinet, False)
    assert bus["devices"] == ["first_meter", "second_meter"]
    assert bus["planned_load"] > 0
    assert (delivery["synchronised"], delivery["told_ms"]) == (True, delivery["now_ms"])
    assert 0 < delivery["disk_free_bytes"] <= delivery["disk_size_bytes"]
    assert [each["name"] for each in delivery["destinations"]] == ["mqtt"]
    assert delivery["version"]
    assert cabinet in fetch(f"{page_of(role)}/site/{SITE}/buses")
    assert delivery["version"] in fetch(f"{page_of(role)}/site/{SITE}/delivery")


def test_a_collector_shows_and_mails_what_a_gateway_says(tmp_path: Path) -> None:
    """Buses, delivery, clock and disk are at the collector, after its restart too, and a dead bus is one mail."""
    mail_port, cabinet = free_port(), f"127.0.0.1:{free_port()}"
    with mosquitto(tmp_path) as broker, mail_server(mail_port) as box:
        collector = collector_file(tmp_path, broker=broker.url, mail_port=mail_port)
        site = site_file(tmp_path, broker=broker.url, cabinet=cabinet)
        with running("edge", site, log=tmp_path / "edge.log") as edge:
            with running("collect", collector, log=tmp_path / "collect_1.log") as first:
                until(lambda: bool(asked(first, "buses")), what="what the gateway says")
                assert_shown(first, cabinet=cabinet)
                until(lambda: bool(box.subjects), what="the mail about the bus", patience_s=60)
                assert first.stop() == 0
            with running("collect", collector, log=tmp_path / "collect_2.log") as second:
                until(lambda: bool(asked(second, "buses")), what="the retained status after a restart")
                assert_shown(second, cabinet=cabinet)
                until(lambda: asked(second, "devices")[0]["completeness"] is not None, what="the count of today")
                assert asked(second, "devices")[0]["completeness"]["counted"] == "store"
                assert asked(second, "devices")[0]["bus"] == "cabinet"
                assert edge.stop() == 0
                assert second.stop() == 0
            assert "Traceback" not in edge.log + first.log + second.log
    assert len(box.subjects) == 1
    assert "bus cabinet" in box.subjects[0]
