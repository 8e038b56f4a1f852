"""Small files in the data folder."""

from pathlib import Path
from random import Random

import pytest

from gateway.app.memory import COLLECTOR, collector_name, footing_file, load_footing, save_footing
from gateway.poller.stamp import Anchor, Footing


def test_a_collector_keeps_its_name(tmp_path: Path) -> None:
    """The name is drawn once and found again after a restart."""
    name = collector_name(tmp_path, Random(1))  # noqa: S311
    assert name.startswith("collector-")
    assert collector_name(tmp_path, Random(2)) == name  # noqa: S311


@pytest.mark.parametrize("content", ["", "[]", '{"name": 7}', '{"name": "#"}', '{"name": "kvarter/1/x"}'])
def test_a_name_that_is_no_name_is_drawn_anew(tmp_path: Path, content: str) -> None:
    """Whatever stands in the file, what comes back is one level of a topic."""
    (tmp_path / COLLECTOR).write_text(content)
    assert len(collector_name(tmp_path, Random(1))) == len("collector-12345678")  # noqa: S311


@pytest.mark.parametrize("anchor", [None, Anchor(1_795_000_000_000, uncertain=True)])
def test_the_clock_is_known_for_one_boot(tmp_path: Path, anchor: Anchor | None) -> None:
    """What was known comes back in the same boot, not in another one, not from a damaged file."""
    file = footing_file(tmp_path / "spool", tmp_path / "data")
    assert file.parent == tmp_path
    footing = Footing(12.5, anchor)
    save_footing(file, "boot-1", footing)
    assert load_footing(file, "boot-1") == footing
    assert load_footing(file, "boot-2") is None
    for damaged in ("", "[]", "{", '{"boot": "boot-1"}', '{"boot": "boot-1", "since_s": "x", "offset_ms": 1}'):
        file.write_text(damaged, encoding="utf-8")
        assert load_footing(file, "boot-1") is None
    assert footing_file(None, tmp_path) == tmp_path / "clock.json"
