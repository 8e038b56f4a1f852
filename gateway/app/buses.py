"""The links of a running site and who polls them; another site file changes only what it says."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from drivers.link import Link
from gateway.app.configuration import Configuration
from gateway.app.pollers import AnyPoller, Pollers
from gateway.app.reload import what_is_read
from gateway.core.site import LinkSettings
from gateway.poller.poller import Poller, Target

FINISH_S = 3.0
"""Polls in hand may take so long when stopping."""
CANCEL_AGAIN_S = 5.0
_LINK_TROUBLES = ("timeouts", "late", "foreign", "corrupt", "reopenings")


@dataclass(frozen=True, slots=True)
class _Change:
    """What becomes of one link; made before anything is touched, since making it may fail."""

    link: Link
    poller: AnyPoller
    targets: Sequence[Target] | None
    """What the poller polls from now on; None where it is a new one."""


class Buses:
    """Links and pollers of one site.

    Args:
        configuration: What is read at first.
        pollers: Makes them for that configuration.
        open_link: Makes a link, which opens at its first use.
        offer: Told of every link, and of the units behind it; None for one that is gone.
    """

    def __init__(
        self,
        configuration: Configuration,
        pollers: Pollers,
        *,
        open_link: Callable[[LinkSettings], Link],
        offer: Callable[[str, Link | None, Sequence[int]], None],
    ) -> None:
        self.links: dict[str, Link] = {}
        self.pollers: dict[str, AnyPoller] = {}
        self.progress: dict[str, Callable[[], float]] = {}
        """Task → when its poll in hand began."""
        self._configuration = configuration
        self._open_link = open_link
        self._offer = offer
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._past: Counter[str] = Counter()
        for settings in configuration.links:
            link = open_link(settings)
            self._place(link, pollers.on(link), configuration)

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Start to poll."""
        for link in self.pollers:
            self._begin(tasks, link)

    async def apply(
        self, after: Configuration, pollers: Pollers, *, tasks: asyncio.TaskGroup, between: Callable[[], None]
    ) -> None:
        """Poll what another configuration says; links that it leaves as they are do not notice.

        Args:
            after: The other configuration.
            pollers: Makes the pollers for it.
            tasks: Where polling goes on.
            between: Called when all polls by the old configuration have ended, and none by the new one has begun.

        Raises:
            ConfigError: the key of a meter cannot be read; nothing was changed.
        """
        before = self._configuration
        changes = [
            self._change((before, after), settings, pollers)
            for settings in after.links
            if not self._is_same(before, after, settings)
        ]
        gone = [name for name in self.links if name not in {settings.id for settings in after.links}]
        await self._end([*gone, *(change.link.id for change in changes)])
        for name in gone:
            await self._remove(name)
        for change in changes:
            if change.targets is not None and isinstance(change.poller, Poller):
                change.poller.renew(change.targets)
                self._offer(change.link.id, change.link, _units(after, change.link.id))
                continue
            if self.links.get(change.link.id) not in {None, change.link}:
                await self._remove(change.link.id)
            self._place(change.link, change.poller, after)
        self._configuration = after
        between()
        for change in changes:
            self._begin(tasks, change.link.id)

    async def finish(self) -> None:
        """End all polls, those in hand if they are quick."""
        await self._end(list(self._tasks))

    async def close(self) -> None:
        """Close all links."""
        for link in self.links.values():
            await link.close()

    def troubles(self) -> Mapping[str, int]:
        """Return what went wrong since the start, by kind."""
        counts = dict(self._past)
        for name, link in self.links.items():
            for kind, count in _troubles(link, self.pollers[name]):
                counts[kind] = counts.get(kind, 0) + count
        return counts

    def _is_same(self, before: Configuration, after: Configuration, settings: LinkSettings) -> bool:
        return settings in before.links and [*map(what_is_read, before.on_link(settings.id))] == [
            *map(what_is_read, after.on_link(settings.id))
        ]

    def _change(self, turn: tuple[Configuration, Configuration], settings: LinkSettings, pollers: Pollers) -> _Change:
        before, after = turn
        link = self.links.get(settings.id)
        if link is None or settings not in before.links:
            link = self._open_link(settings)
            return _Change(link, pollers.on(link), None)
        poller = self.pollers[link.id]
        if not isinstance(poller, Poller) or pollers.listens_on(link.id):
            return _Change(link, pollers.on(link), None)
        old = {device.settings.id: what_is_read(device) for device in before.on_link(link.id)}
        new = {device.settings.id: what_is_read(device) for device in after.on_link(link.id)}
        same = [name for name in new if new[name] == old.get(name)]
        return _Change(link, poller, pollers.targets(link, {name: poller.targets[name] for name in same}))

    def _place(self, link: Link, poller: AnyPoller, configuration: Configuration) -> None:
        if link.id in self.pollers and self.pollers[link.id] is not poller:
            self._past.update(dict(_poll_troubles(self.pollers[link.id])))
        self.links[link.id], self.pollers[link.id] = link, poller
        self.progress[f"poll[{link.id}]"] = lambda: poller.progress_s
        self._offer(link.id, link, _units(configuration, link.id))

    def _begin(self, tasks: asyncio.TaskGroup, link: str) -> None:
        self._tasks[link] = tasks.create_task(self.pollers[link].run(), name=f"poll[{link}]")

    async def _end(self, links: Sequence[str]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_S):
                await asyncio.gather(*(self.pollers[link].finish() for link in links if link in self.pollers))
        await cancelled([self._tasks.pop(link) for link in links if link in self._tasks])

    async def _remove(self, name: str) -> None:
        link, poller = self.links.pop(name), self.pollers.pop(name)
        self._past.update(dict(_troubles(link, poller)))
        self.progress.pop(f"poll[{name}]", None)
        self._offer(name, None, ())
        await link.close()


def _units(configuration: Configuration, link: str) -> list[int]:
    return [device.unit_id for device in configuration.on_link(link)]


def _troubles(link: Link, poller: AnyPoller) -> Iterator[tuple[str, int]]:
    yield from _poll_troubles(poller)
    for name in _LINK_TROUBLES:
        yield f"link_{name}", getattr(link.counters, name)


def _poll_troubles(poller: AnyPoller) -> Iterator[tuple[str, int]]:
    for name, count in poller.counters.outcomes.items():
        if name != "ok":
            yield f"poll_{name}", count


async def cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: a task group that fails at the same moment swallows the cancellation."""
    pending = set(tasks)
    while pending:
        for task in tasks:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
