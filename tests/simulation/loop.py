"""A loop whose time passes at once, and which does the work of threads itself."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START_S = 1000.0
_NOTICEABLE_S = 1e-4
_MOST_TURNS = 100_000


class _VirtualSelector(selectors.SelectSelector):
    """Instead of waiting, moves the time of its loop."""

    now_s = START_S
    idle_turns = 0
    """Turns of the loop since time moved noticeably."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("every task waits for something that never comes")
        self.idle_turns = self.idle_turns + 1 if timeout < _NOTICEABLE_S else 0
        if self.idle_turns > _MOST_TURNS:
            raise RuntimeError("a task keeps the loop busy for ever")
        self.now_s += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time moves to the next timer whenever nothing else is to be done; nothing from outside is ever heard.

    Jobs for threads are done by the loop itself, so that the same run sees the same order.

    Args:
        job_takes_s: Drawn for each job; None where jobs are done at once.
    """

    def __init__(self, job_takes_s: Callable[[], float] | None = None) -> None:
        self._virtual = _VirtualSelector()
        self._job_takes_s = job_takes_s
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, job: Callable[[Unpack[Ts]], T], *args: Unpack[Ts]
    ) -> asyncio.Future[T]:
        """Do the job of a thread, after the time that it takes; `executor` is not used."""
        del executor
        future: asyncio.Future[T] = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                result = job(*args)
            except Exception as exc:  # noqa: BLE001 - whatever it is belongs to who asked
                future.set_exception(exc)
            else:
                future.set_result(result)

        self.call_later(self._job_takes_s() if self._job_takes_s else 0.0, work)
        return future

    def _write_to_self(self) -> None:
        """Threads have no place in virtual time."""


def run_virtual(main: Coroutine[Any, Any, T], *, job_takes_s: Callable[[], float] | None = None) -> T:
    """Return what the coroutine returns; its waits take no time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(job_takes_s)) as runner:
        return runner.run(main)


class LoopClock:
    """Implements Clock on the time of the running loop."""

    def utc_ms(self) -> int:
        return round(self.monotonic() * 1000)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def synchronised(self) -> bool:
        return True

    def awaited(self) -> bool:
        return False

    async def sleep_until(self, monotonic_s: float) -> None:
        await asyncio.sleep(max(0.0, monotonic_s - self.monotonic()))
