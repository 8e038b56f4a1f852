"""A loop whose time passes at once, and which does the work of threads itself."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
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


class _Turn(list[Any]):
    """When, which in order, callback, arguments and context of one call; ordered as the numbers in front are."""

    __slots__ = ()

    def cancel(self) -> None:
        """Let it not happen."""
        self[2] = None

    def cancelled(self) -> bool:
        """Return whether it will not happen."""
        return self[2] is None

    def when(self) -> float:
        """Return when it happens, in seconds on the loop."""
        return float(self[0])


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time moves to the next timer whenever nothing else is to be done; nothing from outside is ever heard.

    What is due at one instant happens in the order in which it was asked for. Jobs for threads are done by the loop
    itself, so that the same run sees the same order.

    Args:
        job_takes_s: Drawn for each job; None where jobs are done at once.
    """

    _ready: deque[_Turn]

    def __init__(self, job_takes_s: Callable[[], float] | None = None) -> None:
        super().__init__()
        self._now_s = START_S
        self._job_takes_s = job_takes_s
        self._timers: list[_Turn] = []
        self._count = 0

    def time(self) -> float:
        return self._now_s

    def call_soon(  # type: ignore[override]
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> _Turn:
        """Call it at the next turn."""
        turn = _Turn((0.0, 0, callback, args, copy_context() if context is None else context))
        self._ready.append(turn)
        return turn

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> _Turn:
        """Call it after seconds of virtual time."""
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> _Turn:
        """Call it at an instant of virtual time."""
        self._count += 1
        turn = _Turn((when, self._count, callback, args, copy_context() if context is None else context))
        heappush(self._timers, turn)
        return turn

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

    def _run_once(self) -> None:
        """Take turns until the loop is to stop; `run_forever` of the base calls this."""
        ready, timers, idle_turns = self._ready, self._timers, 0
        while not self._stopping:  # type: ignore[attr-defined]
            if not ready:
                idle_turns = 0 if self._to_next_timer() else idle_turns + 1
            elif (idle_turns := idle_turns + 1) > _MOST_TURNS:
                raise RuntimeError("a task keeps the loop busy for ever")
            now_s = self._now_s
            while timers and timers[0][0] <= now_s:
                ready.append(heappop(timers))
            for _ in range(len(ready)):
                _, _, callback, args, context = ready.popleft()
                if callback is not None:
                    self._call(callback, args, context)

    def _to_next_timer(self) -> bool:
        """Let time pass; return whether it moved noticeably."""
        timers = self._timers
        while timers and timers[0][2] is None:
            heappop(timers)
        if not timers:
            raise RuntimeError("every task waits for something that never comes")
        passed_s = timers[0][0] - self._now_s
        self._now_s = max(self._now_s, timers[0][0])
        return bool(passed_s >= _NOTICEABLE_S)

    def _call(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        try:
            context.run(callback, *args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:  # noqa: BLE001 - as the base does
            self.call_exception_handler({"message": f"exception in {callback!r}", "exception": exc})

    def _write_to_self(self) -> None:
        """Threads have no place in virtual time."""


def chance(seed: object) -> Random:
    """Return a source of chance that the seed decides."""
    return Random(str(seed))  # noqa: S311 - a simulation


def run_virtual(main: Coroutine[Any, Any, T], *, job_takes_s: Callable[[], float] | None = None) -> T:
    """Return what the coroutine returns; its waits take no time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(job_takes_s)) as runner:
        return runner.run(main)
