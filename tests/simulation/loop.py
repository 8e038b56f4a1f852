"""A loop whose time passes at once, and which does the work of threads itself."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Coro = Generator[Any, None, T] | Coroutine[Any, Any, T]

START_S = 1000.0
_NOTICEABLE_S = 1e-4
_MOST_TURNS = 100_000


class Owner:
    """The tasks of one program, in the order in which they were made."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def begin(self, main: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run a program; every task that it makes, and every task of these, is its own."""
        context = copy_context()
        context.run(_OWNER.set, self)
        task = asyncio.get_running_loop().create_task(main, context=context)
        self.adopt(task)
        return task

    def adopt(self, task: "asyncio.Task[Any]") -> None:
        """Count a task as one of the program's."""
        self._tasks[task] = None
        task.add_done_callback(self._release)

    async def end(self) -> None:
        """Return when no task is left; what clings to life is cancelled again."""
        while self._tasks:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.sleep(0)

    def _release(self, task: "asyncio.Task[Any]") -> None:
        del self._tasks[task]
        if not task.cancelled():
            task.exception()


_OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)


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

    def create_task(self, coro: Coro[T], *, name: object = None, context: Context | None = None) -> "asyncio.Task[T]":
        """Make a task, which belongs to whom its maker belongs."""
        task = super().create_task(coro, name=name, context=context)
        owner = _OWNER.get()
        if owner is not None:
            owner.adopt(task)
        return task

    def run_in_executor(
        self, executor: Executor | None, job: Callable[[Unpack[Ts]], T], *args: *Ts
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


def chance(seed: object) -> Random:
    """Return a source of chance that the seed decides."""
    return Random(str(seed))  # noqa: S311 - a simulation


def run_virtual(main: Coroutine[Any, Any, T], *, job_takes_s: Callable[[], float] | None = None) -> T:
    """Return what the coroutine returns; its waits take no time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(job_takes_s)) as runner:
        return runner.run(main)
