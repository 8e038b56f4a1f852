"""The certificate that the device makes for itself, so that the page is encrypted on the local network."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.core.errors import ConfigError
from gateway.web.passwords import write_private

CERTIFICATE = "web-certificate.pem"
KEY = "web-key.pem"
# Not longer, since Apple's systems refuse a server certificate that is valid for more than 825 days.
_VALID = timedelta(days=820)
_RENEW = timedelta(days=30)
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def ensure_certificate(data: Path, names: Sequence[str]) -> None:
    """Make key and certificate, or a new certificate with the old key where it ends soon or lacks a name.

    Args:
        data: Folder of both files.
        names: Host names and addresses under which the page is reached.

    Raises:
        ConfigError: a file cannot be used or written.
    """
    key = _load_key(data / KEY)
    certificate = _load_certificate(data / CERTIFICATE)
    if certificate is not None and _serves(certificate, key, names):
        return
    write_private(data / CERTIFICATE, _made(key, names).public_bytes(serialization.Encoding.PEM))


def fingerprint(data: Path) -> str:
    """Return the SHA-256 fingerprint as browsers show it, "" where there is no certificate."""
    certificate = _load_certificate(data / CERTIFICATE)
    return "" if certificate is None else certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def tls_context(data: Path) -> ssl.SSLContext:
    """Return what a server encrypts with.

    Raises:
        ConfigError: key or certificate cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(data / CERTIFICATE, data / KEY)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(f"{data / CERTIFICATE}: cannot be used; remove it and {KEY}") from exc
    return context


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        key = ec.generate_private_key(ec.SECP256R1())
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        write_private(path, pem)
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path}: cannot be used; remove it and the device makes a new one") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path}: is not a key of this program; remove it and the device makes a new one")
    return key


def _load_certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


def _serves(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> bool:
    if certificate.public_key() != key.public_key():
        return False
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(_alternatives(names)) <= set(found) and certificate.not_valid_after_utc - _now() > _RENEW


def _made(key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, (names[0] if names else "kvarter")[:64])])
    now = _now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_alternative(name) for name in dict.fromkeys(names)]


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _now() -> datetime:
    """Return the present; a clock that was never set is not believed."""
    return max(datetime.now(tz=UTC), _EPOCH)
