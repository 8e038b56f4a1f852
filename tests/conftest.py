"""Rules that hold for every test: none leaves a task behind, and in CI none is skipped."""

import asyncio
import inspect
import os
import signal
import threading
from collections.abc import AsyncIterator, Generator

import pytest


def pytest_configure() -> None:
    """Listen to Ctrl-C: started in the background, we and every command that a test starts would be deaf to it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fail a test after which a task is still there; every asynchronous test has it."""
    yield
    left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    if left:
        pytest.fail(f"tasks left behind: {', '.join(left)}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give asynchronous tests the fixture above, before all others, so that it looks after they are closed."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.fixturenames.insert(0, "no_task_left")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one in CI: there, everything it needs is installed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped module into a failed one in CI."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
