"""The echoing endpoint as a process of its own, plain or with TLS in the process: what conformance suites talk to."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.system.gateway import START_TIMEOUT_S, GatewayProcess


class EchoProcess(GatewayProcess):
    """`grandstand serve --conformance-echo` on a free port."""

    def start(self) -> None:
        """Returns when it listens."""
        self.launch("serve", "--conformance-echo")
        self.port = int(self.wait_for_log("conformance_echo", START_TIMEOUT_S)["port"])


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = directory / "cert.pem", directory / "key.pem"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_path, key_path


@contextlib.contextmanager
def echo(directory: Path, tls: tuple[Path, Path] | None = None, **settings: object) -> Iterator[EchoProcess]:
    """A running endpoint; `tls` is (certificate, key), `viewers__head_timeout_s=1` sets `viewers.head_timeout_s`."""
    given = {key.replace("__", "."): value for key, value in settings.items()}
    if tls is not None:
        given |= {"listen.tls_cert": tls[0], "listen.tls_key": tls[1]}
    process = EchoProcess(directory, {**given, "testing.conformance_echo": True})
    try:
        process.start()
        yield process
    finally:
        process.stop()
