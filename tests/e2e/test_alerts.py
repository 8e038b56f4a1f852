"""Alerts on their way: a real mail server and a real web server on loopback."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from gateway.app.alerts_send import Letter, Mail, Webhook
from gateway.core.alerting import AlertSettings
from gateway.core.errors import SinkUnavailable
from tests.e2e.commands import kvarter, running, until
from tests.e2e.servers import authority, free_port

LETTER = Letter("[Sønderborg] Problem: måler", "Måleren er væk.\n", {"news": "problem"}, "4711")


class MailBox:
    """Keeps the mail that comes."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"

    @property
    def subjects(self) -> list[str]:
        """Subjects in the order in which they came."""
        return [str(mail["Subject"]) for mail in self.mails]


@contextmanager
def mail_server(port: int, **options: Any) -> Iterator[MailBox]:  # noqa: ANN401 - the library's own
    box = MailBox()
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@contextmanager
def web_server() -> Iterator[tuple[str, list[dict[str, object]]]]:
    taken: list[dict[str, object]] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken.append({"authorization": self.headers.get("Authorization"), **body})
            self.send_response(500 if self.path == "/broken" else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Taking)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def smtp(port: int, **more: object) -> AlertSettings:
    tree = {"host": "127.0.0.1", "port": port, "from": "kvarter@example.org", "to": ["a@example.org", "b@example.org"]}
    return AlertSettings.model_validate({"smtp": {**tree, **more}})


async def test_mail_goes_encrypted_and_logged_in(tmp_path: Path) -> None:
    """STARTTLS against our authority, then the log-in; both receivers get the text as it was written."""
    ours = authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*ours.issue("127.0.0.1"))
    password = tmp_path / "mail.password"
    password.write_text("geheim\n")
    password.chmod(0o600)
    logged_in: list[bytes] = []

    def authenticate(_server: object, _session: object, _envelope: object, _how: str, who: object) -> AuthResult:
        assert isinstance(who, LoginPassword)
        logged_in.append(who.login)
        return AuthResult(success=who.password == b"geheim")

    port = free_port()
    options = {"tls_context": context, "require_starttls": True, "authenticator": authenticate, "auth_required": True}
    with mail_server(port, **options) as box:
        login = {"username": "kvarter", "password": str(password), "authority": str(ours.certificate)}
        settings = smtp(port, **login).smtp
        assert settings is not None
        await Mail(settings, {}).send(LETTER)
        stranger = smtp(port, username="kvarter", password=str(password)).smtp
        assert stranger is not None
        with pytest.raises(SinkUnavailable, match="certificate"):
            await Mail(stranger, {}).send(LETTER)
    assert logged_in == [b"kvarter"]
    assert box.subjects == [LETTER.subject]
    assert box.mails[0]["Message-ID"] == "<4711@example.org>"
    assert box.mails[0].get_content().strip() == LETTER.text.strip()
    assert box.recipients == [["a@example.org", "b@example.org"]]


async def test_a_webhook_gets_json_and_its_refusal_is_an_error(tmp_path: Path) -> None:
    """The token goes as bearer; whatever is no success is tried again by the caller."""
    token = tmp_path / "hook.token"
    token.write_text("abc")
    token.chmod(0o600)
    with web_server() as (url, taken):
        for path in ("/alerts", "/broken"):
            settings = AlertSettings.model_validate({"webhook": {"url": url + path, "token": str(token)}}).webhook
            assert settings is not None
            way = Webhook(settings, {})
            if path == "/alerts":
                await way.send(LETTER)
            else:
                with pytest.raises(SinkUnavailable, match="500"):
                    await way.send(LETTER)
    assert taken[0] == {
        "authorization": "Bearer abc",
        "id": "4711",
        "subject": LETTER.subject,
        "text": LETTER.text,
        "news": "problem",
    }


def test_a_meter_that_goes_and_comes_back_is_two_messages(tmp_path: Path) -> None:
    """`kvarter run` mails and posts that a device is silent, and that it is there again."""
    port, mail_port = free_port(), free_port()
    meter = ("simulate", "eastron/sdm630", "--listen", f"127.0.0.1:{port}")
    site = tmp_path / "site.yaml"
    with web_server() as (url, taken):
        site.write_text(f"""
site: soenderborg-12
name: Sønderborg 12
clock: trusted
data: {tmp_path / "data"}
spool: {{size_mib: 16}}
web: {{listen: 'off'}}
links: [{{id: a, tcp: '127.0.0.1:{port}'}}]
devices: [{{id: main_meter, profile: eastron/sdm630, link: a, label: Hovedmåler, interval: 500ms}}]
alerts:
  smtp: {{host: 127.0.0.1, port: {mail_port}, security: none, from: kvarter@example.org, to: [a@example.org]}}
  webhook: {{url: '{url}/alerts'}}
  language: da
  patience: 2s
""")
        with mail_server(mail_port) as box, running("run", site, log=tmp_path / "run.log") as service:
            with running(*meter, log=tmp_path / "meter.log") as first:
                until(lambda: "127.0.0.1" in first.log, what="the meter")
            until(lambda: len(box.subjects) == 1, what="the mail")
            with running(*meter, log=tmp_path / "meter.log"):
                until(lambda: len(box.subjects) == 2, what="the mail of the return", patience_s=60)
            assert service.stop() == 0
            assert "Traceback" not in service.log
    assert box.subjects[0].strip().startswith("[Sønderborg 12] Problem: Sønderborg 12: Hovedmåler giver ingen værdier")
    assert box.subjects[1].strip().startswith("[Sønderborg 12] Løst:")
    assert [each["news"] for each in taken] == ["problem", "recovered"]


def test_wrong_settings_are_explained(tmp_path: Path) -> None:
    """An alert without receiver, and a password over an open line, are named with their line."""
    site = tmp_path / "site.yaml"
    head = "site: a\nlinks: [{id: a, tcp: '127.0.0.1:1'}]\ndevices: [{id: m, profile: eastron/sdm630, link: a}]\n"
    for text, message in (
        ("alerts: {language: da}", "say who is told"),
        ("alerts: {webhook: {url: 'http://h/x'}, quiet_hours: 25:00-07:00}", "quiet_hours"),
        (
            "alerts: {smtp: {host: h, security: none, username: u, password: /p, from: a@b, to: [c@d]}}",
            "a password needs security",
        ),
    ):
        site.write_text(head + text + "\n")
        result = kvarter("check", site)
        assert result.returncode == 2
        assert message in result.stderr
        assert "site.yaml:4" in result.stderr
