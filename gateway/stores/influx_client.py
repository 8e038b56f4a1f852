"""HTTP to a store that speaks InfluxDB's ways: the only module that knows influxdb_client.

Each client has one thread and its own connections. It sends bytes as they are, and neither batches nor retries: both
are done where receipts are given.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

from influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError, SSLError

from gateway.core.errors import SinkUnavailable

T = TypeVar("T")
Parse = Callable[[bytes], T]
CONNECT_S = 10.0
REPLY_S = 45.0
WHOLE_S = 70.0
"""From the first byte sent to the last one received: a reply may also trickle."""
LONGEST_WAIT_S = 300.0
"""More is not granted to a store that asks us to wait."""
REASON_CHARACTERS = 300
_TROUBLE = {
    ReadTimeoutError: "no answer in time",
    ProtocolError: "the answer was cut off",
    SSLError: "no trust in its certificate, or no TLS there",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a store answered."""

    status: int
    text: str
    """Of a reply that is not a success: the reason, on one line."""
    retry_after_s: float = 0.0
    """How long the store asks us to wait."""

    @property
    def is_success(self) -> bool:
        """Whether the store did what it was asked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class InfluxClient:
    """Talks to one server.

    Args:
        url: Where it is.
        authorization: Value of the header of that name, empty for none.
        reply_s: How long the server may stay silent.
        whole_s: How long a whole call may take.
    """

    def __init__(
        self, url: str, *, authorization: str = "", reply_s: float = REPLY_S, whole_s: float = WHOLE_S
    ) -> None:
        parts = urlsplit(url)
        self.place = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        """The server as a message may name it."""
        self._reply_s = reply_s
        self._whole_s = whole_s
        self._client = InfluxDBClient(url=url, token="")
        self._api = self._client.api_client
        if authorization:
            self._api.set_default_header("Authorization", authorization)
        self._thread = self._new_thread()

    async def send(self, path: str, *, query: Mapping[str, str], body: bytes) -> Reply:
        """POST the bytes and return what the server says to them.

        Raises:
            SinkUnavailable: it does not answer, or not to the end.
        """
        return await self._run(lambda: self._send(path, query, body))

    async def ask(self, path: str, *, query: Mapping[str, str], parse: Parse[T]) -> T:
        """GET and return what `parse` makes of the answer, in the client's thread.

        Raises:
            SinkUnavailable: it does not answer, or not to the end, or not with a success, or not what was asked.
        """
        return await self._run(lambda: self._ask(path, query, parse))

    def outage(self, reply: Reply) -> SinkUnavailable:
        """Return the error for an answer that is neither a success nor a refusal."""
        advice: dict[int, str] = {
            HTTPStatus.UNAUTHORIZED: ": check the token, or user and password",
            HTTPStatus.FORBIDDEN: ": check what the token, or the user, may do",
            HTTPStatus.NOT_FOUND: ": check the address, and that the database or bucket exists",
        }
        return SinkUnavailable(f"{self.place}: answers {reply.status}: {reply.text}{advice.get(reply.status, '')}")

    async def close(self) -> None:
        """Close the connections; a call that still waits for an answer is left to its time-out."""
        self._thread.shutdown(wait=False)
        self._client.close()

    def _new_thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"store[{self.place}]")

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self._whole_s):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError as exc:
            # A server that trickles its reply holds the old thread; the next call must not wait for it.
            self._thread.shutdown(wait=False)
            self._thread = self._new_thread()
            raise SinkUnavailable(f"{self.place}: no complete answer within {self._whole_s:g} s") from exc

    def _send(self, path: str, query: Mapping[str, str], body: bytes) -> Reply:
        try:
            self._call("POST", path, query, body)
        except ApiException as exc:
            return _reply(exc)
        return Reply(HTTPStatus.NO_CONTENT, "")

    def _ask(self, path: str, query: Mapping[str, str], parse: Parse[T]) -> T:
        try:
            content = self._call("GET", path, query, b"")
        except ApiException as exc:
            raise self.outage(_reply(exc)) from exc
        try:
            return parse(content)
        except ValueError as exc:
            raise SinkUnavailable(f"{self.place}: the answer is not what was asked: {exc}") from exc

    def _call(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> bytes:
        try:
            response = self._api.call_api(
                path,
                method,
                query_params=list(query.items()),
                header_params={"Content-Type": "text/plain; charset=utf-8", "Accept": "application/json"},
                body=body,
                _return_http_data_only=True,
                _preload_content=False,
                _request_timeout=(CONNECT_S * 1000, self._reply_s * 1000),
            )
            return bytes(response.data)
        except HTTPError as exc:
            raise SinkUnavailable(f"{self.place}: {_why(exc)}") from exc


@asynccontextmanager
async def influx_client(
    url: str, *, authorization: str = "", reply_s: float = REPLY_S, whole_s: float = WHOLE_S
) -> AsyncIterator[InfluxClient]:
    """Yield a client; it is closed with the block."""
    client = InfluxClient(url, authorization=authorization, reply_s=reply_s, whole_s=whole_s)
    try:
        yield client
    finally:
        await client.close()


def _why(error: HTTPError) -> str:
    """Return what happened to a connection, with the system's word for it where there is one."""
    words = next((words for kind, words in _TROUBLE.items() if isinstance(error, kind)), "no connection")
    cause: BaseException | None = error
    while cause is not None and not (isinstance(cause, OSError) and cause.strerror):
        cause = cause.__cause__ or cause.__context__
    return words if cause is None else f"{words}: {_one_line(str(cause.strerror)).lower()}"


def _reply(error: ApiException) -> Reply:
    headers = error.headers or {}
    reason = _reason(bytes(error.body or b"")) or str(error.reason)
    return Reply(int(error.status or 0), reason, _retry_after_s(headers.get("Retry-After"), headers.get("Date")))


def _reason(body: bytes) -> str:
    """Return what an answer says is wrong: InfluxDB wraps it in JSON."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    stated = (answer.get("error") or answer.get("message")) if isinstance(answer, dict) else None
    return _one_line(str(stated) if stated else body.decode("utf-8", "replace"))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:REASON_CHARACTERS]


def _retry_after_s(stated: str | None, date: str | None) -> float:
    """Return how long a server asks us to wait; a date is compared with the server's own, so that our clock is not."""
    if not stated:
        return 0.0
    if stated.isdecimal():
        return min(float(stated), LONGEST_WAIT_S)
    try:
        wait_s = (parsedate_to_datetime(stated) - parsedate_to_datetime(date or "")).total_seconds()
    except (TypeError, ValueError):
        return 0.0
    return min(max(wait_s, 0.0), LONGEST_WAIT_S)
