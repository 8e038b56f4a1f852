"""The rules of conftest.py, each broken on purpose in a test run of its own."""

import pytest

pytest_plugins = ["pytester"]

LEAVES_A_TASK = """
import asyncio
import pytest

kept = set()

@pytest.fixture
async def background():
    task = asyncio.create_task(asyncio.sleep(60))
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

async def test_leaves():
    kept.add(asyncio.create_task(asyncio.sleep(60), name="forgotten"))

async def test_ends(background):
    assert not background.done()

def test_plain():
    pass
"""

SKIPS = """
import pytest

@pytest.mark.skip(reason="no broker here")
def test_marked():
    pass

def test_inside():
    pytest.skip("no store here")

@pytest.mark.xfail(raises=ZeroDivisionError)
def test_expected():
    1 / 0
"""


@pytest.fixture
def run(pytester: pytest.Pytester, pytestconfig: pytest.Config) -> pytest.Pytester:
    """A folder with this project's own rules in it."""
    rules = (pytestconfig.rootpath / "tests" / "conftest.py").read_text(encoding="utf-8")
    pytester.makeconftest(rules)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def test_a_task_left_behind_fails_its_test(run: pytest.Pytester) -> None:
    """A test that leaves a task fails by its name; one whose fixture ends its task does not."""
    run.makepyfile(LEAVES_A_TASK)
    result = run.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*tasks left behind: forgotten*"])


def test_a_skip_fails_in_ci_only(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CI is set, a skipped test is a failed one; an expected failure stays what it is."""
    run.makepyfile(SKIPS)
    monkeypatch.delenv("CI", raising=False)
    run.runpytest("-p", "no:cacheprovider").assert_outcomes(skipped=2, xfailed=1)
    monkeypatch.setenv("CI", "true")
    run.runpytest("-p", "no:cacheprovider").assert_outcomes(errors=1, failed=1, xfailed=1)


def test_a_skipped_module_fails_in_ci_only(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CI is set, a module that skips itself is an error."""
    run.makepyfile("import pytest\npytest.skip('no broker here', allow_module_level=True)\n")
    monkeypatch.delenv("CI", raising=False)
    run.runpytest("-p", "no:cacheprovider").assert_outcomes(skipped=1)
    monkeypatch.setenv("CI", "true")
    run.runpytest("-p", "no:cacheprovider").assert_outcomes(errors=1)
