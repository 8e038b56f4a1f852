"""Writing to a server that misbehaves: what each answer means for the batch."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import TypeAdapter

from gateway.core.collection import StoreSettings, VictoriaStoreSettings
from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Query
from gateway.core.quantity import load_vocabulary
from gateway.stores.influx import V2_WRITE, InfluxStore
from gateway.stores.influx_client import influx_client
from gateway.stores.influxql import InfluxqlHistory
from gateway.stores.open import OpenStore, open_store
from gateway.stores.victoria import VictoriaHistory
from tests.stores.lines import START_MS, line
from tests.stores.scripted_server import Answer, Asked, Script, ScriptedServer, scripted_server

LINES = [line(START_MS + number * 1000, {"elec_power_active": number / 4, "status": 0}) for number in range(40)]
QUERY = Query("site-1", "meter", ("elec_power_active",), START_MS, START_MS + 60_000)


@asynccontextmanager
async def store_at(script: Script, *, reply_s: float = 30.0) -> AsyncIterator[tuple[InfluxStore, ScriptedServer]]:
    """Yield a store whose server follows a script."""
    async with scripted_server(script) as server, influx_client(server.url, reply_s=reply_s) as client:
        yield InfluxStore(client, V2_WRITE, query={"org": "district", "bucket": "readings"}), server


def answering(*answers: Answer) -> Script:
    """Return a script that gives these answers and is content from then on."""
    rest = iter(answers)
    return lambda _: next(rest, Answer())


async def test_bytes_reach_the_server_untouched() -> None:
    """One request carries the lines as they came, without their comments, and says where they belong."""
    event = b'# {"text": "x"}\nkvarter_event,site=s,kind=note,cause=x from=1i,to=2i,count=0i 1717200000000000000'
    async with store_at(answering()) as (store, server):
        assert await store.write([LINES[0], event, LINES[1]]) == []
        (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/v2/write")
    assert asked.query == {"org": "district", "bucket": "readings", "precision": "ns"}
    assert asked.lines == [LINES[0], event.partition(b"\n")[2], LINES[1]]
    assert asked.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-encoding" not in asked.headers


@pytest.mark.parametrize(
    ("settings", "path", "query", "authorization"),
    [
        (
            {"kind": "influx", "organisation": "district", "bucket": "b", "token": "credential:t"},
            "/api/v2/write",
            {"org": "district", "bucket": "b", "precision": "ns"},
            "Token secret of credential:t",
        ),
        (
            {"kind": "influx1", "database": "d", "username": "ada", "password": "credential:p"},
            "/write",
            {"db": "d", "precision": "ns"},
            "Basic YWRhOnNlY3JldCBvZiBjcmVkZW50aWFsOnA=",
        ),
        (
            {"kind": "victoria", "token": "credential:v"},
            "/api/v2/write",
            {"precision": "ns"},
            "Bearer secret of credential:v",
        ),
        ({"kind": "victoria"}, "/api/v2/write", {"precision": "ns"}, None),
    ],
)
async def test_each_kind_has_its_own_endpoint_and_credentials(
    settings: dict[str, str], path: str, query: dict[str, str], authorization: str | None
) -> None:
    """What the collector file says decides path, parameters and header; secrets come from their references."""
    async with scripted_server(answering()) as server:
        chosen: StoreSettings = TypeAdapter(StoreSettings).validate_python({**settings, "url": server.url})
        opened = open_store(chosen, secret=lambda reference: f"secret of {reference}", vocabulary=load_vocabulary())
        async with opened as store:
            assert list(await store.write(LINES[:1])) == []
        (asked,) = server.asked
    assert (asked.path, asked.query, asked.headers.get("authorization")) == (path, query, authorization)


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("position", range(40))
async def test_a_poison_line_at_any_position_is_refused_alone(status: int, position: int) -> None:
    """All other lines are stored, and the refusal carries the server's words."""
    stored: set[bytes] = set()

    def script(asked: Asked) -> Answer:
        if LINES[position] in asked.lines:
            return Answer(status, b'{"code": "invalid", "message": "field type conflict"}')
        stored.update(asked.lines)
        return Answer()

    async with store_at(script) as (store, server):
        (refusal,) = await store.write(LINES)
        assert (refusal.index, refusal.reason) == (position, "field type conflict")
        assert stored == set(LINES) - {LINES[position]}
        assert len(server.asked) <= 2 + 6 + 1


async def test_a_batch_that_is_too_large_is_sent_in_parts() -> None:
    """413 splits a batch without refusing any line; a line that is too large alone is refused."""

    def script(asked: Asked) -> Answer:
        return Answer(413, b"too large") if len(asked.body) > 1000 else Answer()

    async with store_at(script) as (store, server):
        assert await store.write(LINES) == []
        taken = [text for asked in server.asked if len(asked.body) <= 1000 for text in asked.lines]
        assert taken == LINES
        huge = line(START_MS, {f"p{number}": 1.5 for number in range(200)})
        (refusal,) = await store.write([LINES[0], huge, LINES[1]])
        assert (refusal.index, refusal.reason) == (1, "answers 413: too large")


async def test_large_and_poisoned_batches_are_both_at_once() -> None:
    """A poison line is found in a batch that is also too large for one request."""

    def script(asked: Asked) -> Answer:
        if len(asked.body) > 1000:
            return Answer(413)
        return Answer(400, b'{"error": "bad"}') if LINES[23] in asked.lines else Answer()

    async with store_at(script) as (store, _):
        (refusal,) = await store.write(LINES)
        assert (refusal.index, refusal.reason) == (23, "bad")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            Answer(401, b'{"code": "unauthorized", "message": "unauthorized access"}'),
            "401: unauthorized access: check the token",
        ),
        (Answer(403, b'{"error": "forbidden"}'), "403: forbidden: check what the token"),
        (Answer(404, b'{"error": "database not found: \\"x\\""}'), 'database not found: "x": check the address'),
        (Answer(429), "answers 429: Scripted"),
        (Answer(500, b"\xff\xfe"), "answers 500"),
        (Answer(503, b"busy"), "answers 503: busy"),
        (Answer(301, b"", {"Location": "http://127.0.0.1:1/elsewhere"}), "answers 301"),
        (Answer(400, b"<html><h1>400 Bad Request</h1> nginx</html>"), "answers 400: <html>"),
        (Answer(204, cut_after=0), "the answer was cut off"),
        (Answer(204, cut_after=9), "the answer was cut off"),
        (Answer(200, b"0123456789", cut_after=50), "the answer was cut off"),
    ],
    ids=lambda part: str(part.status) if isinstance(part, Answer) else "",
)
async def test_anything_but_a_yes_or_a_refusal_is_an_outage(answer: Answer, words: str) -> None:
    """The batch is kept, the message says what to do, and the next attempt is as fresh as the first."""
    async with store_at(answering(answer)) as (store, server):
        with pytest.raises(SinkUnavailable, match=f"^127.0.0.1:\\d+: .*{re.escape(words)}"):
            await store.write(LINES)
        assert await store.write(LINES) == []
        assert [asked.lines for asked in server.asked] == [LINES, LINES]


async def test_a_server_that_is_not_there_is_an_outage() -> None:
    """A refused connection names the server."""
    async with scripted_server(answering()) as server:
        url = server.url
    async with influx_client(url) as client:
        with pytest.raises(SinkUnavailable, match=r"no connection: connection refused$"):
            await InfluxStore(client, V2_WRITE, query={}).write(LINES)


async def test_a_silent_server_is_an_outage() -> None:
    """A server that takes the batch and never answers is given up after its time."""
    async with store_at(answering(Answer(hangs=True)), reply_s=1.0) as (store, _):
        with pytest.raises(SinkUnavailable, match="no answer in time"):
            await store.write(LINES)
        assert await store.write(LINES) == []


async def test_a_server_that_trickles_does_not_hold_the_next_batch() -> None:
    """An answer that comes byte by byte is given up as a whole, though it is never silent for long."""
    trickle = answering(Answer(200, b"x" * 400, trickles_s=0.05))
    async with scripted_server(trickle) as server, influx_client(server.url, whole_s=2.0) as client:
        store = InfluxStore(client, V2_WRITE, query={})
        with pytest.raises(SinkUnavailable, match="no complete answer within 2 s"):
            await store.write(LINES)
        assert await store.write(LINES) == []


async def test_the_server_is_left_alone_for_as_long_as_it_asks() -> None:
    """After 429 or 503 with Retry-After no request is sent until then, in seconds or as a date of its own clock."""
    dated = {"Retry-After": "Wed, 21 Oct 2026 07:29:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:30 GMT"}
    for headers, wait_s in (({"Retry-After": "60"}, 60), (dated, 30), ({"Retry-After": "86400"}, 300)):
        async with store_at(answering(Answer(503, b"busy", headers))) as (store, server):
            with pytest.raises(SinkUnavailable, match="answers 503: busy"):
                await store.write(LINES)
            with pytest.raises(SinkUnavailable, match="asked us to wait") as caught:
                await store.write(LINES)
            assert str(caught.value).endswith(f"asked us to wait for {wait_s} s")
            assert len(server.asked) == 1


@pytest.mark.parametrize("stated", ["0", "soon", "Wed, 21 Oct 2026 07:29:00 GMT", "-5"])
async def test_a_wait_that_means_nothing_is_not_kept(stated: str) -> None:
    """A Retry-After without sense, or a date from a server that hides its clock, asks for nothing."""
    async with store_at(answering(Answer(503, b"busy", {"Retry-After": stated}))) as (store, _):
        with pytest.raises(SinkUnavailable):
            await store.write(LINES)
        assert await store.write(LINES) == []


async def test_a_cut_reply_leaves_no_doubt_behind() -> None:
    """A batch that was stored though its answer was lost is written again, byte for byte the same."""
    async with store_at(answering(Answer(204, cut_after=5))) as (store, server):
        with pytest.raises(SinkUnavailable):
            await store.write(LINES)
        await store.write(LINES)
        assert server.asked[0].body == server.asked[1].body


@asynccontextmanager
async def history_at(
    script: Script, kind: str
) -> AsyncIterator[tuple[InfluxqlHistory | VictoriaHistory, ScriptedServer]]:
    """Yield a history whose server follows a script."""
    async with scripted_server(script) as server, influx_client(server.url) as client:
        if kind == "victoria":
            yield VictoriaHistory(client, vocabulary=load_vocabulary()), server
        else:
            yield InfluxqlHistory(client, "readings", vocabulary=load_vocabulary()), server


@pytest.mark.parametrize("kind", ["influxql", "victoria"])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>login</html>"),
        Answer(200, b'{"results": [{"error": "database not found: readings"}]}'),
        Answer(200, b'["surprise"]'),
        Answer(200, b'{"metric": {"__name__": "kvarter_x"}}\n{"metr'),
        Answer(200, b"\xff\xfe"),
        Answer(500, b"oops"),
        Answer(200, b'{"results"', cut_after=60),
    ],
    ids=str,
)
async def test_an_answer_that_is_no_answer_is_an_outage(kind: str, answer: Answer) -> None:
    """Errors, pages, broken and cut answers to a query are outages, never rows."""
    async with history_at(answering(answer), kind) as (history, _):
        with pytest.raises(SinkUnavailable):
            await history.read(QUERY)


async def test_an_answer_in_parts_is_read_to_its_end() -> None:
    """Where InfluxDB cuts an answer off at its row limit, the rest is asked for."""

    def script(asked: Asked) -> Answer:
        since = int(asked.query["q"].partition("time >= ")[2].partition("ms")[0])
        rows = [[time_ms, 1.0] for time_ms in range(START_MS, START_MS + 50_000, 10_000) if time_ms >= since]
        partial = "true" if len(rows) > 2 else "false"
        series = f'{{"name": "kvarter", "columns": ["time", "c0"], "values": {rows[:2]}, "partial": {partial}}}'
        return Answer(200, f'{{"results": [{{"statement_id": 0, "series": [{series}]}}]}}'.encode())

    async with history_at(script, "influxql") as (history, server):
        assert [row.time_ms - START_MS for row in await history.read(QUERY)] == [0, 10_000, 20_000, 30_000, 40_000]
        assert len(server.asked) == 3


async def test_samples_of_a_series_may_come_in_pieces_and_twice() -> None:
    """Where VictoriaMetrics exports a series in several lines, or a sample twice, each instant is one row."""
    lines = [
        b'{"metric":{"__name__":"kvarter_elec_power_active"},"values":[1.5,2.5],"timestamps":[%d,%d]}',
        b'{"metric":{"__name__":"kvarter_elec_power_active"},"values":[2.5,null],"timestamps":[%d,%d]}',
    ]
    body = lines[0] % (START_MS, START_MS + 1) + b"\n" + lines[1] % (START_MS + 1, START_MS + 2) + b"\n"
    async with history_at(answering(Answer(200, body)), "victoria") as (history, _):
        rows = await history.read(QUERY)
    assert [(row.time_ms - START_MS, row.values) for row in rows] == [(0, (1.5,)), (1, (2.5,))]


async def test_closing_does_not_wait_for_an_answer() -> None:
    """A store is closed at once though a server still owes it an answer."""
    async with scripted_server(answering(Answer(hangs=True))) as server:
        settings = VictoriaStoreSettings(kind="victoria", url=server.url)
        async with (
            open_store(settings, secret=str, vocabulary=load_vocabulary()) as store,
            asyncio.TaskGroup() as tasks,
        ):
            writing = tasks.create_task(_write_in_vain(store), name="write")
            while not server.asked:  # noqa: ASYNC110 - the server's list is the condition
                await asyncio.sleep(0)
            writing.cancel()


async def _write_in_vain(store: OpenStore) -> None:
    await store.write(LINES)
