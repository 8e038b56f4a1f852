"""The watchman of a role: looks once in a while, and sees to it that people are told."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.app.alerts_look import Lookout
from gateway.app.alerts_outbox import Outbox, keep_tree, load_tree
from gateway.app.alerts_send import Channel, Letter
from gateway.core.alerting import AlertSettings
from gateway.core.clock import Clock
from gateway.core.errors import SinkUnavailable
from gateway.energy.alerts import Alerts, Finding, Habits, Notice
from gateway.web.texts import Language, load_texts

log = logging.getLogger(__name__)

LOOK_S = 15.0
AGAIN_S = (30.0, 60.0, 300.0, 900.0)
"""Between two attempts to send, the last one for ever."""
_FILE = "alerts.json"


@dataclass(frozen=True, slots=True)
class Post:
    """Where alerts come from and what they need."""

    origin: str
    """Site or collector, as people know it."""
    timezone: str
    clock: Clock
    data: Path


class Watchman:
    """Tells people what is wrong, and when it is right again.

    Args:
        settings: Who is told, and when.
        lookout: Finds what is wrong.
        ways: By which they are told; one that is down holds up no other.
        post: Where it stands.
    """

    def __init__(self, settings: AlertSettings, lookout: Lookout, ways: Sequence[Channel], *, post: Post) -> None:
        self._language: Language = settings.language
        self._lookout = lookout
        self._post = post
        self._zone = ZoneInfo(settings.timezone or post.timezone)
        self._ways = [(way, asyncio.Event()) for way in ways]
        self._look_s = min(LOOK_S, settings.patience / 2)
        habits = Habits(settings.patience, settings.patience, settings.quiet, settings.weekly)
        self._file = post.data / _FILE
        tree = load_tree(self._file)
        self._alerts = Alerts.resumed(habits, tree, now_s=post.clock.monotonic())
        self._outbox = Outbox.resumed([way.name for way in ways], tree.get("letters"))
        self._kept: object = None
        self._complaint = ""
        self._keeping = asyncio.Lock()

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for way, filled in self._ways:
                tasks.create_task(self._deliver(way, filled), name=f"alerts[{way.name}]")
            while True:
                self._look()
                # What is sent must be known to a restart before it is sent.
                await self._keep()
                for _, filled in self._ways:
                    filled.set()
                await self._post.clock.sleep_until(self._post.clock.monotonic() + self._look_s)

    def _look(self) -> None:
        clock = self._post.clock
        local = datetime.fromtimestamp(clock.utc_ms() / 1000, tz=UTC).astimezone(self._zone)
        now_s = clock.monotonic()
        for notice in self._alerts.look(self._lookout.look(now_s), now_s=now_s, local=local):
            letter = write(notice, language=self._language, origin=self._post.origin, time=local.isoformat())
            log.info("alert: %s", letter.subject)
            self._outbox.put(letter)

    async def _deliver(self, way: Channel, filled: asyncio.Event) -> None:
        clock, failures = self._post.clock, 0
        while True:
            await filled.wait()
            filled.clear()
            while (letter := self._outbox.first(way.name)) is not None:
                try:
                    await way.send(letter)
                except SinkUnavailable as exc:
                    if not failures:
                        log.warning("alerts wait: %s", exc)
                    pause_s = AGAIN_S[min(failures, len(AGAIN_S) - 1)]
                    failures += 1
                    await clock.sleep_until(clock.monotonic() + pause_s)
                    continue
                self._outbox.sent(way.name, letter)
                failures = 0
                await self._keep()

    async def _keep(self) -> None:
        """Let a restart know what was told and what waits; a disk that refuses is no reason to stop."""
        async with self._keeping:
            tree = {**self._alerts.as_json(), "letters": self._outbox.as_json()}
            if tree == self._kept:
                return
            try:
                await asyncio.to_thread(keep_tree, self._file, tree)
            except OSError as exc:
                complaint = f"{self._file}: cannot be written: {exc.strerror}"
                if complaint != self._complaint:
                    log.warning("%s", complaint)
                self._complaint = complaint
                return
            self._kept, self._complaint = tree, ""


def write(notice: Notice, *, language: Language, origin: str, time: str) -> Letter:
    """Return the message for a notice."""
    texts = load_texts()[language]

    def sentence(finding: Finding) -> str:
        return texts(f"alert.{finding.key.cause}", **finding.words)

    def well(finding: Finding) -> str:
        return texts(f"alert.well.{finding.key.cause}", **finding.words)

    lines: list[str] = []
    if notice.findings:
        lines += [*([texts("alert.now")] if notice.over else []), *map(sentence, notice.findings)]
    elif notice.news in {"summary", "digest"}:
        lines.append(texts("alert.all_well"))
    if notice.over:
        lines += ["", texts("alert.over"), *map(well, notice.over)]
    concerned = [*map(sentence, notice.findings), *map(well, notice.over)]
    first = texts("alert.all_well") if notice.news == "digest" and not notice.findings else ""
    if not first and concerned:
        more = f" (+{len(concerned) - 1})" if len(concerned) > 1 else ""
        first = concerned[0].split(";")[0].split(". ")[0].rstrip(".") + more
    subject = " ".join(f"[{origin}] {texts(f'alert.{notice.news}')}: {first}".split())
    tree = {
        "news": notice.news,
        "origin": origin,
        "time": time,
        "problems": [_tree(each) for each in notice.findings],
        "recovered": [_tree(each) for each in notice.over],
    }
    text = "\n".join(lines).strip() + "\n"
    name = hashlib.sha256(json.dumps([subject, text, tree]).encode()).hexdigest()[:32]
    return Letter(subject, text, tree, name)


def _tree(finding: Finding) -> dict[str, object]:
    key = finding.key
    return {"cause": key.cause, "site": key.site, "subject": key.subject, "words": dict(finding.words)}
