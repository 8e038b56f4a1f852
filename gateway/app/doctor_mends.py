"""What to do about a broker or store that does not let us in, by what was found. Pure."""

from collections.abc import Sequence

Mends = Sequence[tuple[tuple[str, ...], str]]
"""Words that a finding may hold → what to do; the first that fits."""

_NOBODY = (
    "connection refused", "nobody listens", "nothing listens", "closes the connection", "no route to host", "timed out",
    "no answer", "cannot be reached",
)  # fmt: skip
_NO_NAME = ("host name is not known", "name or service not known", "temporary failure in name resolution")

BROKER: Mends = (
    (("has expired",), "renew the broker's certificate; where it is new, set the clock of this machine"),
    (("not yet valid",), "set the clock of this machine: timedatectl set-ntp true"),
    (
        ("hostname mismatch", "address mismatch", "not valid for"),
        "write into `broker: url` a name that stands in the broker's certificate, or have one issued for this name",
    ),
    (
        ("issuer certificate", "certificate verify failed", "its certificate is not accepted"),
        "set `broker: authority` to the certificate of the CA that signed the broker's",
    ),
    (("ca certificate",), "look at the file that `broker: authority` names"),
    (
        ("client certificate", "certificate_required", "certificate required"),
        "set `broker: client_certificate` and `client_key` to a pair whose CA the broker trusts",
    ),
    (("tls",), "use the port for mqtts, as a rule 8883, or mqtt:// where the broker has no TLS"),
    (("not authori", "username", "password", "credential"), "look at `broker: username` and `password`"),
    (_NO_NAME, "look at the host name in `broker: url`, and at this machine's DNS"),
    (_NOBODY, "look at host and port in `broker: url`, whether the broker runs, and at firewalls between"),
)
_BROKER_ELSE = "look at url, certificate, username and password in the file, and at the broker's log"

STORE: Mends = (
    (
        ("answers 401", "answers 403"),
        "look at the store's token, username and password in the file, and what they may do",
    ),
    (
        ("answers 404", "database not found", "not found"),
        "look at url; make the database or bucket where it is not there yet",
    ),
    (("certificate", "tls"), "use https only where the store has TLS, with a certificate that this machine trusts"),
    (("not what was asked",), "look at url and kind: something else answers there"),
    (_NO_NAME, "look at the host name in the store's url, and at this machine's DNS"),
    (_NOBODY, "look at host and port in the store's url, whether the store runs, and at firewalls between"),
)
_STORE_ELSE = "look at url, bucket and token in the file, and at the store's own log and disk"


def broker_mend(finding: str) -> str:
    """Return what to do about a broker."""
    return _mend(BROKER, finding) or _BROKER_ELSE


def store_mend(finding: str) -> str:
    """Return what to do about a store on a server."""
    return _mend(STORE, finding) or _STORE_ELSE


def _mend(mends: Mends, finding: str) -> str:
    words = finding.lower()
    return next((mend for fragments, mend in mends if any(fragment in words for fragment in fragments)), "")
