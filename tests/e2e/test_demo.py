"""`kvarter demo` as a script runs it."""

from pathlib import Path

import pytest

from tests.e2e.commands import kvarter


def test_the_demo_balances(tmp_path: Path) -> None:
    """Eight seconds of the district on real sockets, lines and a real broker: every value is stored exactly once."""
    result = kvarter("demo", "--headless", "--for", "8s", "--data", tmp_path, timeout_s=50)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "balanced" in result.stdout
    assert "Traceback" not in result.stderr
    assert (tmp_path / "store" / "kvarter.sqlite").exists()


def test_a_second_run_on_the_same_folder_balances_with_the_first(tmp_path: Path) -> None:
    """What was stored before a restart is still right after it."""
    for _ in range(2):
        result = kvarter("demo", "--headless", "--for", "4s", "--data", tmp_path, timeout_s=50)
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("breaking", ["drop", "duplicate", "alter"])
def test_a_spoiled_store_fails_the_audit(tmp_path: Path, breaking: str) -> None:
    """A line dropped, doubled or altered on its way into the store is found, and the exit code says so."""
    result = kvarter("demo", "--headless", "--for", "6s", "--data", tmp_path, "--break", breaking, timeout_s=50)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "NOT balanced" in result.stdout


def test_a_wrong_duration_is_explained() -> None:
    """A duration without a unit is refused with an example."""
    result = kvarter("demo", "--for", "60")
    assert result.returncode == 2
    assert "--for 60: " in result.stderr
    assert "for example" in result.stderr
