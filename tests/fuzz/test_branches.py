"""How much of each decoder the fuzzer reaches, and the list of what it cannot."""

from pathlib import Path

import pytest

from tests.fuzz.branches import reach, unreachable
from tests.fuzz.codec import Codec
from tests.fuzz.measure import LEAST, TESTED
from tests.fuzz.results import Run, record, rows_of_runs, runs
from tests.fuzz.targets import codecs

every_codec = pytest.mark.parametrize("codec", codecs().values(), ids=list(codecs()))


@every_codec
def test_the_fuzzer_reaches_nine_of_ten_branches(codec: Codec) -> None:
    """Fixed inputs reach the share that docs/fuzz.md promises, and nothing that is listed as out of reach."""
    found = reach(codec, TESTED)
    assert found.false == ()
    assert found.share >= LEAST, "\n".join(found.missing)


def test_every_branch_out_of_reach_belongs_to_a_codec() -> None:
    """An entry of the list names a file that counts, codecs that have it, and a reason."""
    for entry in unreachable():
        owners = {name for name, codec in codecs().items() if entry.file in codec.modules}
        assert owners, str(entry)
        assert set(entry.codecs) <= owners, str(entry)
        assert entry.reason


def test_the_longest_run_without_a_fault_is_kept(tmp_path: Path) -> None:
    """A shorter run does not replace a longer one, but a run that broke something always does."""
    path = tmp_path / "results.toml"
    long, short = Run(1000, 0, 3, 60, "2026-11-22"), Run(10, 0, 1, 1, "2026-11-23")
    record("mbus", long, path)
    record("mbus", short, path)
    assert runs(path) == {"mbus": long}
    record("mbus", Run(5, 1, 0, 1, "2026-11-24"), path)
    assert next(rows_of_runs(path)) == "| mbus | 5 | 1 | 0 | 0.0 | 2026-11-24 |\n"
