"""The watchman: what he tells, and what a restart must not cost."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest

from gateway.app.alerts import Post, Watchman, write
from gateway.app.alerts_look import Around, Lookout
from gateway.app.alerts_outbox import Outbox
from gateway.app.alerts_send import Letter
from gateway.core.alerting import AlertSettings
from gateway.core.errors import SinkUnavailable
from gateway.core.quantity import load_vocabulary
from gateway.energy.alerts import Cause, Finding, Key, Notice
from gateway.web.texts import LANGUAGES, Language
from tests.fakes import FakeClock, settle
from tests.fakes_web import FakeFacts

SETTINGS = AlertSettings.model_validate({"webhook": {"url": "http://h/x"}, "patience": "30s", "digest": "off"})


@dataclass
class FakeWay:
    """Takes letters, when it answers."""

    name: str = "webhook"
    answers: bool = True
    taken: list[Letter] = field(default_factory=list)
    tried: int = 0
    when_asked: Callable[[], None] = lambda: None

    async def send(self, letter: Letter) -> None:
        self.tried += 1
        self.when_asked()
        if not self.answers:
            raise SinkUnavailable("away")
        self.taken.append(letter)

    @property
    def subjects(self) -> list[str]:
        return [letter.subject.split(":")[0] for letter in self.taken]


@dataclass
class World:
    """What goes on while watchmen come and go."""

    data: Path
    clock: FakeClock = field(default_factory=FakeClock)
    is_connected: bool = True

    @asynccontextmanager
    async def watched(self, *ways: FakeWay) -> AsyncIterator[None]:
        """Have a watchman for the block, who then dies."""
        around = Around(self.data, "mqtts://broker", lambda: self.is_connected, disk=lambda _: (50, 100))
        lookout = Lookout(FakeFacts(), load_vocabulary(), around, language="en")
        post = Post("house", "UTC", self.clock, self.data)
        watchman = Watchman(SETTINGS, lookout, ways, post=post)
        task = asyncio.ensure_future(watchman.run())
        try:
            yield
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until something has come about; the file is written in a thread of its own."""
        while not condition():
            await self.clock.advance(5)
            await asyncio.to_thread(int)
            await settle()

    def kept(self) -> dict[str, list[dict[str, object]]]:
        """Return what a restart would know."""
        path = self.data / "alerts.json"
        found = json.loads(path.read_bytes()) if path.exists() else {"letters": []}
        assert isinstance(found, dict)
        return found


@pytest.mark.parametrize("cause", [each for each in get_args(Cause) if each != "incomplete"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_over_is_said_as_what_is_right_now(cause: Cause, language: Language) -> None:
    """A recovery names what is right again; the sentence of the problem and its advice do not come once more."""
    words = {"site": "House", "subject": "Meter", "state": "no answer", "free": "1 GB", "age": "5 min", "count": "3"}
    finding = Finding(Key(cause, "house", "meter"), words)
    problem = write(Notice("problem", (finding,), ()), language=language, origin="house", time="now")
    over = write(Notice("recovered", (), (finding,)), language=language, origin="house", time="now")
    (sentence,) = problem.text.splitlines()
    said = over.text.splitlines()[-1]
    assert sentence not in over.text
    assert "alert." not in over.text + over.subject
    assert "{" not in over.text
    assert over.subject.endswith(said.split(";")[0].rstrip("."))


async def test_what_waits_to_be_sent_outlives_a_restart(tmp_path: Path) -> None:
    """A problem and its end that no server took are sent by the next run, in their order and once."""
    world, broken = World(tmp_path, is_connected=False), FakeWay(answers=False)
    async with world.watched(broken):
        await world.until(lambda: broken.tried > 0)
        world.is_connected = True
        await world.until(lambda: len(world.kept()["letters"]) == 2)
    mended = FakeWay()
    async with world.watched(mended):
        await world.until(lambda: len(mended.taken) == 2)
        await world.until(lambda: world.kept()["letters"] == [])
    assert mended.subjects == ["[house] Problem", "[house] Recovered"]
    again = FakeWay()
    async with world.watched(again):
        await world.clock.advance(300)
    assert again.tried == 0


async def test_a_letter_is_on_disk_before_it_is_sent(tmp_path: Path) -> None:
    """Whoever dies while a server takes the letter sends the same letter again, and the server can tell."""
    world, way = World(tmp_path, is_connected=False), FakeWay(answers=False)
    seen: list[object] = []
    way.when_asked = lambda: seen.append(world.kept()["letters"][0]["id"])
    async with world.watched(way):
        await world.until(lambda: way.tried > 0)
    again = FakeWay()
    async with world.watched(again):
        await world.until(lambda: bool(again.taken))
    assert again.taken[0].id == seen[0] != ""


async def test_a_way_that_is_down_holds_up_no_other_and_gets_nothing_twice(tmp_path: Path) -> None:
    """Each way has its own place in the queue, also across a restart."""
    world, mail, hook = World(tmp_path, is_connected=False), FakeWay("smtp a:25", answers=False), FakeWay()
    async with world.watched(mail, hook):
        await world.until(lambda: bool(hook.taken) and bool(mail.tried))
        await world.until(lambda: [each["ways"] for each in world.kept()["letters"]] == [["smtp a:25"]])
    mail, hook = FakeWay("smtp a:25"), FakeWay()
    async with world.watched(mail, hook):
        await world.until(lambda: bool(mail.taken))
        await world.clock.advance(120)
    assert hook.tried == 0


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\xff\xfe",
        b"[" * 30_000,
        b"[]",
        b'{"letters": {"a": 1}, "open": 7, "held": [[]], "digest": 5, "quiet": "x"}',
        b'{"letters": [1, {}, {"ways": 3, "tree": {}, "subject": "s", "text": 1, "id": "x"}]}',
        b'{"open": [{"cause": "clock", "words": {}, "under": [[1, 2], "x", ["gateway", 1, null]]}]}',
        b'{"x": "' + b"x" * 9_000_000 + b'"}',
    ],
)
async def test_a_damaged_file_is_begun_anew(tmp_path: Path, damage: bytes) -> None:
    """Whatever stands there, alerts are sent, and the file is sound afterwards."""
    (tmp_path / "alerts.json").write_bytes(damage)
    world, way = World(tmp_path), FakeWay()
    async with world.watched(way):
        await world.clock.advance(60)
        world.is_connected = False
        await world.until(lambda: bool(way.taken) and world.kept()["letters"] == [])


async def test_a_disk_that_refuses_keeps_nobody_from_being_told(tmp_path: Path) -> None:
    """Letters go out from memory, and the refusal is said once."""
    (tmp_path / "alerts.json").mkdir()
    world, way = World(tmp_path, is_connected=False), FakeWay()
    async with world.watched(way):
        await world.until(lambda: bool(way.taken))


def test_letters_of_a_way_that_is_gone_take_the_new_one() -> None:
    """Another mail server in the file is no reason to lose the letter for the old one."""
    old = Outbox(["smtp old:25"])
    for number in range(300):
        old.put(Letter(f"subject {number}", "text", {"news": "problem"}, f"id{number}"))
    new = Outbox.resumed(["smtp new:25", "webhook"], json.loads(json.dumps(old.as_json())))
    assert len(new.waiting) == 200
    first = new.first("webhook")
    assert first is not None
    assert first.subject == "subject 100"
    new.sent("webhook", first)
    assert new.first("smtp new:25") is first
    new.sent("smtp new:25", first)
    assert new.first("smtp new:25") != first
