"""Each examination of the doctor, right and wrong, with the mend that it names."""

from pathlib import Path

import pytest

from gateway.app.doctor import check_folder, check_serial, check_wear, judge_clock, judge_disk
from gateway.app.doctor_mends import broker_mend, store_mend
from gateway.core.site import LinkSettings


def link(port: Path) -> LinkSettings:
    return LinkSettings.model_validate({"id": "bus", "serial": str(port), "baudrate": 9600, "parity": "none"})


def adapter(folder: Path, *, latency_ms: int) -> Path:
    """Make a /sys that knows the latency of one adapter, and return the path of its port."""
    place = folder / "bus" / "usb-serial" / "devices" / "ttyUSB0"
    place.mkdir(parents=True)
    (place / "latency_timer").write_text(f"{latency_ms}\n", encoding="ascii")
    port = folder / "by-id" / "ttyUSB0"
    port.parent.mkdir()
    port.touch()
    return port


def test_a_clock_that_nobody_keeps_is_told() -> None:
    """Without a time service the mend is one command."""
    assert judge_clock(synchronised=True).is_well
    found = judge_clock(synchronised=False)
    assert (found.is_well, "timedatectl set-ntp true" in found.mend) == (False, True)


def test_a_disk_is_full_below_a_twentieth() -> None:
    """Five of a hundred are enough, less is not."""
    assert judge_disk(free_bytes=5, size_bytes=100).is_well
    assert "raw_retention" in judge_disk(free_bytes=4, size_bytes=100).mend


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Nothing is left behind in a good folder; a file in its place is named."""
    assert check_folder(str(tmp_path / "data"), "site", {}).is_well
    assert not list((tmp_path / "data").iterdir())
    (tmp_path / "file").touch()
    found = check_folder(str(tmp_path / "file"), "site", {})
    assert (found.is_well, "`data:`" in found.mend) == (False, True)


@pytest.mark.parametrize(("step", "well"), [("0x01 0x02", True), ("0x01 0x09", False)])
def test_a_worn_chip_is_told(tmp_path: Path, step: str, *, well: bool) -> None:
    """The worse of its two estimates counts; a machine whose chips do not tell is not judged."""
    assert check_wear(tmp_path) is None
    device = tmp_path / "block" / "mmcblk0" / "device"
    device.mkdir(parents=True)
    (device / "life_time").write_text(step, encoding="ascii")
    found = check_wear(tmp_path)
    assert found is not None
    assert found.is_well is well


def test_a_serial_port_is_judged(tmp_path: Path) -> None:
    """Not there, not ours to open, slow to answer, named so that it changes: each has its mend; a good one has none."""
    (missing,) = check_serial(link(tmp_path / "no"), sys=tmp_path)
    assert "plug the adapter in" in missing.mend
    port = adapter(tmp_path, latency_ms=1)
    (good,) = check_serial(link(port), sys=tmp_path)
    assert good.is_well
    (forbidden,) = check_serial(link(port), sys=tmp_path, may_open=lambda _: False)
    assert "group dialout" in forbidden.mend
    (tmp_path / "bus" / "usb-serial" / "devices" / "ttyUSB0" / "latency_timer").write_text("16", encoding="ascii")
    (slow,) = check_serial(link(port), sys=tmp_path)
    assert "16 ms" in slow.says
    assert "60-kvarter.rules" in slow.mend
    unstable = tmp_path / "ttyUSB0"
    unstable.touch()
    assert "may be another adapter tomorrow" in check_serial(link(unstable), sys=tmp_path / "none")[0].says


@pytest.mark.parametrize(
    ("finding", "mend"),
    [
        ("broker mqtts://x: TLS: its certificate is not accepted (certificate has expired)", "renew"),
        ("TLS: its certificate is not accepted (certificate is not yet valid)", "set-ntp"),
        ("broker mqtts://x: not authorised; check username and password", "`broker: username`"),
        ("broker mqtt://nowhere: the host name is not known; check broker.url and the name service", "DNS"),
        ("something that nobody foresaw", "the broker's log"),
    ],
)
def test_a_broker_that_refuses_has_a_mend(finding: str, mend: str) -> None:
    """What is known is mended by name, all else by where to look."""
    assert mend in broker_mend(finding)


@pytest.mark.parametrize(
    ("finding", "mend"),
    [
        ("h:8086: answers 401: unauthorized", "token"),
        ("h:8086: answers 404: database not found", "make the database"),
        ("h:8086: the answer is not what was asked: x", "something else answers"),
        ("something that nobody foresaw", "the store's own log"),
    ],
)
def test_a_store_that_refuses_has_a_mend(finding: str, mend: str) -> None:
    """What is known is mended by name, all else by where to look."""
    assert mend in store_mend(finding)
