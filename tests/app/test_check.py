"""What `kvarter check` says about buses and disks."""

from pathlib import Path

import pytest

from gateway.app.check import TARGET_LOAD, check_site, fit_site
from gateway.app.configuration import load_configuration
from gateway.core.quantity import load_vocabulary
from tests.app.site_files import GOOD, write


def crowded(count: int) -> str:
    devices = "".join(
        f"  - {{id: meter_{n}, profile: eastron/sdm630, link: bus, unit_id: {n}, interval: 1s}}  # flat {n}\n"
        for n in range(1, count + 1)
    )
    return f"site: crowded\nlinks: [{{id: bus, serial: /dev/ttyAMA0, baudrate: 9600}}]\ndevices:\n{devices}"


def test_a_site_that_fits_says_so(tmp_path: Path) -> None:
    """A reasonable site has a plan for each device, a load below the target, and room on the disk."""
    report = check_site(write(tmp_path, GOOD))
    assert report.works
    assert all(link.load < TARGET_LOAD for link in report.links)
    assert report.offline_days > 30
    assert {row[0] for row in report.plan_rows()} == {"main_meter", "charger"}
    assert any("input 0+" in row[5] for row in report.plan_rows())


def test_a_bus_that_cannot_work_is_refused(tmp_path: Path) -> None:
    """Five three-phase meters each second at 9600 baud are more than the wire can carry."""
    report = check_site(write(tmp_path, crowded(5)))
    assert not report.works
    assert "cannot work" in report.link_rows()[0][4]


@pytest.mark.parametrize("count", [4, 5, 9, 30])
def test_fit_writes_intervals_that_fit_and_keeps_comments(tmp_path: Path, count: int) -> None:
    """After --fit the same file works, every comment is still there, and nothing else has changed."""
    path = write(tmp_path, crowded(count))
    assert len(fit_site(path)) == count
    report = check_site(path)
    assert report.works
    assert report.links[0].load <= TARGET_LOAD
    text = path.read_text(encoding="utf-8")
    assert text.count("# flat") == count
    assert load_configuration(path, load_vocabulary()).devices[0].settings.profile == "eastron/sdm630"


def test_fit_leaves_a_file_that_fits_alone(tmp_path: Path) -> None:
    """Where nothing is overloaded, not a byte is written."""
    path = write(tmp_path, GOOD)
    before = path.stat().st_mtime_ns
    assert fit_site(path) == []
    assert path.stat().st_mtime_ns == before


def test_a_port_that_can_change_its_name_is_pointed_out(tmp_path: Path) -> None:
    """/dev/ttyUSB0 is accepted, with the advice to use its stable name."""
    assert any("/dev/serial/by-id" in remark for remark in check_site(write(tmp_path, GOOD)).remarks)
