"""Small files in the data folder."""

from pathlib import Path
from random import Random

import pytest

from gateway.app.memory import COLLECTOR, collector_name


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
