"""The self-signed certificate of the mail server."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_VALID = timedelta(days=825)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Where certificate and key lie; the certificate is its own authority."""

    cert_file: Path
    key_file: Path

    def server_context(self) -> ssl.SSLContext:
        """Return the TLS settings of a server that shows this certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.cert_file, self.key_file)
        return context


def ensure_certificate(folder: Path, hosts: tuple[str, ...]) -> Certificate:
    """Return the certificate in `folder`, making one that is valid for `hosts` if needed."""
    found = Certificate(cert_file=folder / "smtp-ca.pem", key_file=folder / "smtp-key.pem")
    if not _still_good(found, hosts):
        _make(found, hosts)
    return found


def _names(hosts: tuple[str, ...]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys((*hosts, "localhost", "127.0.0.1")):
        try:
            names.append(x509.IPAddress(ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _still_good(certificate: Certificate, hosts: tuple[str, ...]) -> bool:
    if not (certificate.cert_file.exists() and certificate.key_file.exists()):
        return False
    loaded = x509.load_pem_x509_certificate(certificate.cert_file.read_bytes())
    names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    fresh = loaded.not_valid_after_utc > datetime.now(UTC) + timedelta(days=1)
    return fresh and set(_names(hosts)) <= set(names)


def _make(target: Certificate, hosts: tuple[str, ...]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Outcry sandbox mail")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    target.key_file.touch(mode=0o600)
    target.key_file.write_bytes(private)
    target.cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
