"""Who may come in: hosts, origins, tokens, passwords, rates, files."""

import asyncio
import logging
import re
from base64 import b64encode
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.core.errors import ConfigError
from gateway.web.guard import host_name, is_our_host, is_our_origin, local_path
from gateway.web.page import Page, Route, Visit
from gateway.web.passwords import FILE, Passwords, load_passwords, set_password
from gateway.web.shell import show
from tests.fakes_web import every_page, running_page, visitor

SECRET = "correct horse battery"  # noqa: S105 - of a test
LOOK = "nothing but looking"


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Passwords:
    data = tmp_path_factory.mktemp("passwords")
    set_password(data, "manager", SECRET)
    set_password(data, "viewer", LOOK)
    return load_passwords(data)


async def token_of(session: aiohttp.ClientSession, path: str = "/login") -> str:
    """The token that a page hands out."""
    async with session.get(path) as answer:
        found = re.search(r'name="csrf" content="([0-9a-f]{64})"', await answer.text())
    assert found is not None
    return found[1]


async def sign_in(session: aiohttp.ClientSession, password: str) -> int:
    """Sign in, and return what the server says."""
    form = {"csrf": await token_of(session), "password": password, "next": "/site/house"}
    async with session.post("/login", data=form, allow_redirects=False) as answer:
        return int(answer.status)


async def test_a_name_that_points_here_from_elsewhere_is_refused() -> None:
    """A page of another site that binds its own name to our address reads nothing."""
    async with running_page() as page, visitor(page.url) as session:
        for host, status in (("evil.example", 421), ("evil.example:8080", 421), ("kvarter.local", 200), ("", 421)):
            async with session.get("/site/house", headers={"Host": host}) as answer:
                assert answer.status == status, host


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8080", True),
        ("localhost", True),
        ("KVARTER.local:80", True),
        ("kvarter.local.", True),
        ("192.0.2.7", False),
        ("kvarter.local.evil.example", False),
        ("[::1", False),
        ("127.0.0.1.evil.example", False),
        ("user@kvarter.local", True),
    ],
)
def test_hosts_are_compared_whole(host: str, ours: bool) -> None:  # noqa: FBT001
    """A Host header is ours when its whole name is."""
    names = frozenset({"kvarter.local", "localhost"})
    assert is_our_host(host_name(host), names=names, own_address="127.0.0.1") is ours


def test_origins_are_compared_with_scheme_and_port() -> None:
    """A request from a page of another scheme, name or port is foreign."""
    assert is_our_origin(None, host="k:8080", secure=False)
    assert is_our_origin("http://k:8080", host="k:8080", secure=False)
    for foreign in ("https://k:8080", "http://k", "null", "http://evil.example"):
        assert not is_our_origin(foreign, host="k:8080", secure=False)


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "x", "/a\r\nB: c"])
def test_signing_in_leads_nowhere_else(target: str) -> None:
    """Where to go after signing in is a path of this page."""
    assert local_path(target) == "/"


async def test_without_a_password_everybody_here_is_a_manager() -> None:
    """Nobody but this machine reaches a page without a password, so that nobody has to sign in."""
    async with running_page() as page, visitor(page.url) as session, session.get("/site/house") as answer:
        assert answer.status == 200
        assert "Sign out" not in await answer.text()


async def test_nothing_is_shown_before_signing_in(passwords: Passwords) -> None:
    """With a password set, pages lead to the sign-in, and everything else answers 401."""
    async with running_page(passwords=passwords) as page, visitor(page.url) as session:
        for path in ("/", "/site/house", "/site/house/device/main_meter", "/site/house/buses"):
            async with session.get(path, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"][:11]) == (303, "/login?next")
        for path in ("/api/v1/sites", "/api/v1/openapi.json", "/metrics", "/live/site/house"):
            async with session.get(path) as answer:
                assert answer.status == 401
                assert "house" not in await answer.text()


async def test_a_session_has_a_strict_cookie(passwords: Passwords) -> None:
    """The cookie is kept from scripts and other sites, and signing in leads nowhere else."""
    async with running_page(passwords=passwords) as page, visitor(page.url) as session:
        form = {"csrf": await token_of(session), "password": SECRET, "next": "//evil.example"}
        async with session.post("/login", data=form, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
            cookie = answer.headers["Set-Cookie"]
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))


async def test_a_cookie_of_a_session_that_ended_opens_nothing(passwords: Passwords) -> None:
    """Signing out ends the session on the server, not in the browser only."""
    async with running_page(passwords=passwords) as page, visitor(page.url) as session:
        assert await sign_in(session, SECRET) == 303
        kept = next(iter(session.cookie_jar)).value
        form = {"csrf": await token_of(session, "/site/house")}
        async with session.post("/logout", data=form, allow_redirects=False) as answer:
            assert answer.status == 303
        async with visitor(page.url, Cookie=f"kvarter_session={kept}") as thief, thief.get("/api/v1/sites") as answer:
            assert answer.status == 401


async def changed(visit: Visit) -> web.StreamResponse:
    """A route that changes something."""
    return show(visit, "changed")


def with_a_change() -> list[Page]:
    """All pages, and one that changes something."""
    routes = (Route("POST", "/api/v1/change", changed, role="manager", summary="Change"),)
    return [*every_page(), Page("change", routes)]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"X-CSRF-Token": "right", "Origin": "http://evil.example"}, 403),
        ({"X-CSRF-Token": "right", "Origin": "null"}, 403),
        ({"X-CSRF-Token": "right"}, 200),
        ({"X-CSRF-Token": "right", "Origin": "own"}, 200),
    ],
)
async def test_a_change_needs_token_and_origin(headers: dict[str, str], status: int) -> None:
    """What changes something is taken from our own pages only."""
    async with running_page(pages=with_a_change()) as page, visitor(page.url) as session:
        own = {"right": await token_of(session, "/site/house"), "own": page.url}
        async with session.post("/api/v1/change", headers={n: own.get(v, v) for n, v in headers.items()}) as answer:
            assert answer.status == status


async def test_a_viewer_changes_nothing(passwords: Passwords) -> None:
    """A viewer looks at everything and is refused what a manager may do."""
    async with running_page(passwords=passwords, pages=with_a_change()) as page:
        for secret, status in ((LOOK, 403), (SECRET, 200)):
            async with visitor(page.url) as session:
                assert await sign_in(session, secret) == 303
                token = await token_of(session, "/site/house")
                async with session.post("/api/v1/change", headers={"X-CSRF-Token": token}) as answer:
                    assert answer.status == status


async def test_guessing_passwords_is_slowed_down(passwords: Passwords) -> None:
    """After five wrong passwords the right one has to wait, too, until time has passed."""
    async with running_page(passwords=passwords) as page, visitor(page.url) as session:
        answers = [await sign_in(session, f"wrong password {attempt}") for attempt in range(5)]
        assert answers == [401] * 5
        assert await sign_in(session, SECRET) == 429
        await page.clock.advance(61)
        assert await sign_in(session, SECRET) == 303


def asking(password: str) -> dict[str, str]:
    """The header of a program that sends a password."""
    return {"Authorization": "Basic " + b64encode(f"prometheus:{password}".encode()).decode()}


async def test_a_program_reads_with_a_password_and_changes_nothing(passwords: Passwords) -> None:
    """API and figures are given to whoever sends a password with the request; pages and changes are not."""
    async with running_page(passwords=passwords, pages=with_a_change()) as page, visitor(page.url) as session:
        for path, status in (("/metrics", 200), ("/api/v1/sites", 200), ("/live/site/house", 401)):
            async with session.get(path, headers=asking(LOOK)) as answer:
                assert (path, answer.status) == (path, status)
        async with session.get("/site/house", headers=asking(SECRET), allow_redirects=False) as answer:
            assert answer.status == 303
        async with session.post("/api/v1/change", headers=asking(SECRET)) as answer:
            assert answer.status == 401
        for header in ("Basic", "Basic !", "Basic " + b64encode(b"no colon").decode(), f"Bearer {SECRET}"):
            async with session.get("/metrics", headers={"Authorization": header}) as answer:
                assert answer.status == 401


async def test_guessing_as_a_program_is_slowed_down_as_well(passwords: Passwords) -> None:
    """Wrong passwords in requests count as at the door; a program that was let in goes on."""
    async with running_page(passwords=passwords) as page, visitor(page.url) as session:

        async def ask(password: str) -> int:
            async with session.get("/metrics", headers=asking(password)) as answer:
                return answer.status

        assert await ask(LOOK) == 200
        assert [await ask(f"wrong password {attempt}") for attempt in range(5)] == [401] * 5
        assert await ask(SECRET) == 401
        assert await sign_in(session, SECRET) == 429
        assert await ask(LOOK) == 200
        await page.clock.advance(61)
        assert await ask(SECRET) == 200


async def test_bytes_that_are_no_request_leave_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever sends rubbish, or no Host, cannot fill the log, and is told no version."""
    async with running_page() as page:
        for rubbish in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n", b"GET / HTTP/1.1\r\nA" + b"a" * 9000):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(page.url.rpartition(":")[2]))
            writer.write(rubbish + b"\r\n\r\n")
            assert b"Traceback" not in await reader.read()
            writer.close()
        async with visitor(page.url) as session, session.get("/login") as answer:
            assert answer.headers["Server"] == "Kvarter"
    assert [record.message for record in caplog.records if record.levelno >= logging.INFO] == []


async def test_asking_too_fast_is_refused(passwords: Passwords) -> None:
    """A flood of requests meets 429 before anything is worked out, and ends with the flood."""
    async with running_page(passwords=passwords) as page, visitor(page.url) as session:
        statuses = []
        for _ in range(130):
            async with session.get("/api/v1/sites") as answer:
                statuses.append(answer.status)
        assert statuses[:120] == [401] * 120
        assert set(statuses[120:]) == {429}
        await page.clock.advance(1)
        async with session.get("/api/v1/sites") as answer:
            assert answer.status == 401


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/%2e%2e/core/site.py",
        "/static/%2fetc%2fpasswd",
        "/static/style.css%00.js",
        "/static/",
        "/static/texts/site.toml",
    ],
)
async def test_only_packaged_files_are_served(path: str) -> None:
    """No path leads out of the folder of style sheet and scripts."""
    async with running_page() as page:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(page.url.rpartition(":")[2]))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
    assert answer.split()[1] in {b"404", b"400"}
    assert b"import" not in answer


async def test_every_answer_forbids_what_a_browser_need_not_do(passwords: Passwords) -> None:
    """Pages, errors, files and the API carry the same strict headers, and no page holds a script of its own."""
    async with running_page(passwords=passwords) as page, visitor(page.url) as session:
        assert await sign_in(session, SECRET) == 303
        for path in ("/site/house", "/nowhere", "/api/v1/sites", "/static/style.css", "/metrics", "/site/elsewhere"):
            async with session.get(path) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                text = await answer.text()
                assert not re.search(r"<script(?! src)|\son\w+=|\sstyle=", text)


def test_passwords_are_digests_that_only_the_owner_reads(tmp_path: Path) -> None:
    """The file holds no password, has mode 0600, and is refused where others may read it."""
    set_password(tmp_path, "manager", SECRET)
    set_password(tmp_path, "viewer", LOOK)
    file = tmp_path / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert SECRET not in file.read_text(encoding="utf-8")
    found = load_passwords(tmp_path)
    assert [found.role_of(each) for each in (SECRET, LOOK, "no", "")] == ["manager", "viewer", None, None]
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_passwords(tmp_path)


@pytest.mark.parametrize(
    ("role", "password", "reason"),
    [
        ("manager", "short", "10 to 200"),
        ("manager", "x" * 201, "10 to 200"),
        ("viewer", SECRET, "manager first"),
    ],
)
def test_passwords_that_protect_nothing_are_refused(tmp_path: Path, role: str, password: str, reason: str) -> None:
    """A short password, one beyond any need, and a viewer without a manager are refused with the reason."""
    with pytest.raises(ConfigError, match=reason):
        set_password(tmp_path, role, password)  # type: ignore[arg-type]


def test_one_password_does_not_open_two_roles(tmp_path: Path) -> None:
    """The viewer's password cannot be the manager's."""
    set_password(tmp_path, "manager", SECRET)
    with pytest.raises(ConfigError, match="each needs its own"):
        set_password(tmp_path, "viewer", SECRET)


def test_a_damaged_file_of_passwords_opens_nothing(tmp_path: Path) -> None:
    """What cannot be read is no reason to let everybody in."""
    file = tmp_path / FILE
    file.touch(mode=0o600)
    file.write_text('{"manager": {"salt": 1}}', encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be used"):
        load_passwords(tmp_path)
