"""Writes line protocol to InfluxDB 1, 2 and 3 and to VictoriaMetrics.

A batch is one request with the bytes as they came; comment lines are left out, so that text and author of an event do
not reach these stores. What an answer means:

    2xx             stored
    400, 422        a line is refused: it is looked for, and everything else is stored. InfluxDB may have stored the
                    good lines of that request ("partial write"); written again, they change nothing.
    413             too much at once: sent in halves
    429, 503, …     the store is away; nothing is sent to it for as long as it asks (`Retry-After`)

VictoriaMetrics answers 204 to a malformed line and drops it, stores a string as 0, and stores a line written twice
twice unless it runs with -dedup.minScrapeInterval=1ms. It answers before it has flushed: what it got in its last few
seconds is gone when it is killed. So lines are checked before they come here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Refusal
from gateway.stores.bisection import store_all
from gateway.stores.influx_client import InfluxClient, Reply

V1_WRITE = "/write"
V2_WRITE = "/api/v2/write"


class InfluxStore:
    """Store behind a write endpoint.

    Args:
        client: The server.
        path: `V1_WRITE` or `V2_WRITE`.
        query: Says which database or bucket.
    """

    def __init__(self, client: InfluxClient, path: str, *, query: Mapping[str, str]) -> None:
        self._client = client
        self._path = path
        self._query = {**query, "precision": "ns"}
        self._not_before_s = 0.0
        self._wait_s = 0.0

    async def write(self, lines: Sequence[bytes]) -> Sequence[Refusal]:
        """Store the lines and return those that the server refused when they stood alone.

        Raises:
            SinkUnavailable: nothing is certain; keep the lines and write them again.
        """
        return await store_all(self._send, [_without_comment(line) for line in lines])

    async def _send(self, lines: Sequence[bytes]) -> str | None:
        """Return None when all lines are stored, and else the server's reason."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._not_before_s:
            raise SinkUnavailable(f"{self._client.place}: asked us to wait for {self._wait_s:.0f} s")
        reply = await self._client.send(self._path, query=self._query, body=b"\n".join(lines))
        if reply.is_success:
            return None
        if reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return await self._send_halves(lines, reply)
        if reply.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY) and not _is_page(reply.text):
            return reply.text
        self._wait_s = reply.retry_after_s
        self._not_before_s = now_s + self._wait_s
        raise self._client.outage(reply)

    async def _send_halves(self, lines: Sequence[bytes], reply: Reply) -> str | None:
        if len(lines) == 1:
            return f"answers {reply.status}: {reply.text}"
        middle = len(lines) // 2
        return await self._send(lines[:middle]) or await self._send(lines[middle:])


def _without_comment(line: bytes) -> bytes:
    return line.partition(b"\n")[2] if line.startswith(b"#") else line


def _is_page(text: str) -> bool:
    """Whether an answer is a page for people, so that a proxy gave it and not the store."""
    return text.startswith("<")
