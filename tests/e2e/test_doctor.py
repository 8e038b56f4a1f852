"""`kvarter doctor` against real brokers and stores: what is well, what is wrong, and what mends it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.commands import kvarter
from tests.e2e.servers import Authority, authority, free_port, mosquitto
from tests.e2e.store_servers import StoreServer, flush, influxd, victoria_metrics

Verdicts = Mapping[str, Mapping[str, object]]


def issued(ours: Authority, name: str, *, host: str = "localhost", expired: bool = False) -> tuple[Path, Path]:
    """Return certificate and key that the CA signed, for one host name, perhaps of last week."""
    signer = serialization.load_pem_private_key((ours.folder / "ca.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(ours.certificate.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    begins = datetime.now(UTC) - timedelta(days=7)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=1 if expired else 14))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    paths = ours.folder / f"{name}.crt", ours.folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths[1].write_bytes(key.private_bytes(*private))
    paths[1].chmod(0o600)
    return paths


def examined(folder: Path, *, broker: Mapping[str, str], stores: list[Mapping[str, str]]) -> Verdicts:
    """Return what the doctor says of a collector file, by what was examined."""
    tree = {"broker": broker, "sites": ["*"], "data": str(folder / "data"), "stores": stores}
    path = folder / "collector.yaml"
    path.write_text(json.dumps(tree), encoding="utf-8")
    answer = kvarter("doctor", path, "--json")
    assert "Traceback" not in answer.stderr
    found = {each["what"]: each for each in json.loads(answer.stdout)}
    assert answer.returncode == (0 if all(each["ok"] for each in found.values()) else 1)
    return found


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        ("nothing", ""),
        ("authority", "set `broker: authority` to the certificate of the CA"),
        ("expired", "renew the broker's certificate"),
        ("host", "a name that stands in the broker's certificate"),
        ("client", "set `broker: client_certificate`"),
        ("port", "whether the broker runs"),
    ],
)
def test_a_broker_with_tls(tmp_path: Path, wrong: str, mend: str) -> None:
    """Wrong CA, expired certificate, wrong host name, no client certificate, nobody there: each has its own mend."""
    (tmp_path / "theirs").mkdir()
    ours, theirs = authority(tmp_path), authority(tmp_path / "theirs")
    host = "broker.example" if wrong == "host" else "localhost"
    certificate, key = issued(ours, "server", host=host, expired=wrong == "expired")
    client, client_key = issued(ours, "gateway")
    lines = (f"cafile {ours.certificate}", f"certfile {certificate}", f"keyfile {key}", "require_certificate true")
    with mosquitto(tmp_path, *lines) as server:
        port = free_port() if wrong == "port" else server.port
        settings = {
            "url": f"mqtts://localhost:{port}",
            "authority": str(theirs.certificate if wrong == "authority" else ours.certificate),
        }
        if wrong != "client":
            settings |= {"client_certificate": str(client), "client_key": str(client_key)}
        store = {"kind": "embedded", "path": str(tmp_path / "store")}
        found = examined(tmp_path, broker=settings, stores=[store])["broker"]
    assert found["ok"] is (wrong == "nothing"), found
    assert mend in str(found["mend"])
    assert wrong != "nothing" or "encrypted" in str(found["says"])


def rows_of_the_doctor(server: StoreServer) -> str:
    flush(server)
    return server.get("/api/v1/export", **{"match[]": '{site="kvarter-doctor"}'})


def test_victoriametrics_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    """The doctor writes, reads back and removes its row, twice in a row; a wrong port is named with its mend."""
    with mosquitto(tmp_path) as broker, victoria_metrics(tmp_path) as server:
        settings = {"url": broker.url}
        for _ in range(2):
            found = examined(tmp_path, broker=settings, stores=[{"kind": "victoria", "url": server.url}])
            assert "writes and reads back" in str(found["store victoria"]["says"]), found
            assert "stays there" not in str(found["store victoria"]["says"])
            assert rows_of_the_doctor(server) == ""
        nobody = {"kind": "victoria", "url": f"http://127.0.0.1:{free_port()}"}
        found = examined(tmp_path, broker=settings, stores=[nobody])
        assert "whether the store runs" in str(found["store victoria"]["mend"]), found
        stranger = {"kind": "victoria", "url": broker.url.replace("mqtt", "http")}
        assert not examined(tmp_path, broker=settings, stores=[stranger])["store victoria"]["ok"]


def test_influxdb_is_tried_and_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its log-in it is well and nothing stays; wrong password and wrong database have their mends."""
    monkeypatch.setenv("INFLUXDB_HTTP_AUTH_ENABLED", "true")
    password = tmp_path / "password"
    with mosquitto(tmp_path) as broker, influxd(tmp_path) as server:
        server.post("/query", q="CREATE USER kvarter WITH PASSWORD 'secret' WITH ALL PRIVILEGES")
        log_in = {"u": "kvarter", "p": "secret"}
        server.post("/query?u=kvarter&p=secret", q="CREATE DATABASE readings")
        store = {
            "kind": "influx1",
            "url": server.url,
            "database": "readings",
            "username": "kvarter",
            "password": str(password),
        }
        for text, database, mend in (
            ("secret", "readings", ""),
            ("wrong", "readings", "the store's token, username and password"),
            ("secret", "elsewhere", "make the database"),
        ):
            password.write_text(text, encoding="utf-8")
            settings = {"url": broker.url}
            found = examined(tmp_path, broker=settings, stores=[{**store, "database": database}])["store influx1"]
            assert found["ok"] is (mend == ""), found
            assert mend in str(found["mend"]), found
        left = server.get("/query", q="SHOW SERIES", db="readings", **log_in)
        assert "kvarter-doctor" not in left
