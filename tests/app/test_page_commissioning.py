"""The bench behind the commissioning page: what a browser may send, and what becomes of it."""

from pathlib import Path

import pytest

from gateway.app.commissioning_records import DISPLAYS, FOLDER
from gateway.app.page_commissioning import Bench
from gateway.core.errors import ConfigError
from gateway.web.commissioning_seam import Pick, ScanProgress, Wish
from tests.app.test_commissioning import VALUES, simulated

SITE = "site: test-site  # mine\nlinks: []\ndevices: []\n"


def bench_of(folder: Path, reloads: list[None]) -> Bench:
    """Return a bench over an empty site."""
    path = folder / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    return Bench(path, "test-site", folder, environment={}, reload=lambda: reloads.append(None))


async def found_on(bench: Bench, address: str) -> list[ScanProgress]:
    """Scan unit 1 there, and return what was told."""
    told: list[ScanProgress] = []

    async def tell(progress: ScanProgress) -> None:
        told.append(progress)

    await bench.scan(Wish(address, units="1"), tell)
    return told


async def test_what_is_picked_is_written_and_read_again(tmp_path: Path) -> None:
    """Name, role and model reach the site file, comments stay, and the service is told once."""
    reloads: list[None] = []
    bench = bench_of(tmp_path, reloads)
    async with simulated("eastron/sdm630", VALUES) as address:
        told = await found_on(bench, address)
        assert told[-1].finished
        (thing,) = told[-1].found
        settings = {"label": "Måler: 'x', {y}", "role": "grid", "profile": "eastron/sdm630"}
        added = await bench.add([Pick(thing.number, "main_meter", settings)])
        check = await bench.check("main_meter", "elec_energy_import", "10234.5")
        report = await bench.report("A. Fitter", "")
    assert (added.added, reloads) == (("main_meter",), [None])
    assert (tmp_path / "site.yaml").read_text(encoding="utf-8").startswith("site: test-site  # mine\n")
    (installed,) = bench.devices()
    assert (installed.label, installed.checked) == ("Måler: 'x', {y}", (check,))
    assert bench.found()[0].present
    assert [each.name for each in bench.reports()] == [report.name]
    pdf = await bench.file(report.name, "pdf", "da")
    assert pdf is not None
    assert pdf[1].startswith(b"%PDF-")
    assert await bench.file("20260101T000000Z-00000000", "pdf", "da") is None


@pytest.mark.parametrize(
    "settings",
    [
        {"profile": "keba/p30"},
        {"profile": "../../etc"},
        {"role": "king"},
        {"ct_ratio": "a/b"},
        {"pulse_weight": "much"},
    ],
)
async def test_a_wrong_choice_changes_nothing(tmp_path: Path, settings: dict[str, str]) -> None:
    """A model that was not offered, an unknown role and a ratio that is none leave the site file as it was."""
    reloads: list[None] = []
    bench = bench_of(tmp_path, reloads)
    async with simulated("eastron/sdm630", VALUES) as address:
        await found_on(bench, address)
        with pytest.raises(ConfigError):
            await bench.add([Pick(0, "main_meter", settings)])
        with pytest.raises(ConfigError):
            await bench.add([Pick(0, "Main meter!", {})])
    assert (tmp_path / "site.yaml").read_text(encoding="utf-8") == SITE
    assert reloads == []


async def test_a_listener_that_leaves_stops_the_scan(tmp_path: Path) -> None:
    """Where nobody listens any more the scan ends, and another may begin."""
    bench = bench_of(tmp_path, [])

    async def gone(_: ScanProgress) -> None:
        raise ConnectionResetError

    async with simulated("eastron/sdm630", VALUES) as address:
        with pytest.raises(ExceptionGroup):
            await bench.scan(Wish(address, units="1"), gone)
        assert (await found_on(bench, address))[-1].finished


async def test_what_is_no_port_is_refused(tmp_path: Path) -> None:
    """Neither a word nor a wrong list of units begins a scan, and nothing is added where nothing was found."""
    bench = bench_of(tmp_path, [])

    async def tell(_: ScanProgress) -> None:
        pytest.fail("a scan began")

    for wish in (Wish("nonsense"), Wish(""), Wish("127.0.0.1:1", units="a-b")):
        with pytest.raises(ConfigError):
            await bench.scan(wish, tell)
    with pytest.raises(ConfigError):
        await bench.add([Pick(0, "x")])
    with pytest.raises(ConfigError):
        await bench.report("  ", "")


async def test_what_was_compared_outlives_a_restart(tmp_path: Path) -> None:
    """A service that starts anew knows what was compared, and its report holds it; a damaged file costs only that."""
    bench = bench_of(tmp_path, [])
    async with simulated("eastron/sdm630", VALUES) as address:
        await found_on(bench, address)
        await bench.add([Pick(0, "main_meter")])
        check = await bench.check("main_meter", "elec_energy_import", "10234.5")
        again = Bench(tmp_path / "site.yaml", "test-site", tmp_path, environment={}, reload=lambda: None)
        report = await again.report("A. Fitter", "")
    assert [each.checked for each in again.devices()] == [(check,)]
    assert report.record.devices[0].display == (check,)
    assert [each.name for each in again.reports()] == [report.name]
    (tmp_path / FOLDER / DISPLAYS).write_bytes(b"[" * 9)
    assert Bench(tmp_path / "site.yaml", "x", tmp_path, environment={}, reload=lambda: None).devices()[0].checked == ()
