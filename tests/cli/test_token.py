"""`grandstand token`: what it makes, the gateway takes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.access.tokens import Verifier
from gateway.settings import load
from tests.access.conftest import SECRET, jwk
from tests.cli.conftest import grandstand


@pytest.mark.parametrize("kind", ["secret", "set", "rsa", "ed25519"])
def test_the_gateway_takes_it(kind: str, tmp_path: Path) -> None:
    signing, checking = tmp_path / "signing", tmp_path / "checking"
    if kind == "secret":
        signing.write_bytes(SECRET)
        checking.write_bytes(SECRET)
    elif kind == "set":
        for file in (signing, checking):
            file.write_text(json.dumps({"keys": [jwk(SECRET, "dev")]}))
    else:
        key = generate_private_key(65537, 2048) if kind == "rsa" else Ed25519PrivateKey.generate()
        signing.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        checking.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    result = grandstand(
        "token", "signing", "--scope", "watch publish", "--channels", "match:*, user:ann", "--subject", "ann",
        "--issuer", "here", "--valid-s", "60", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    access = load(None, {}, {"access.keys_file": str(checking), "access.issuer": "here"})[0].access
    grant = Verifier(access, frozenset({"public"})).verify(result.stdout.strip(), time.time())
    assert (grant.subject, grant.channels) == ("ann", ("match:*", "user:ann"))
    assert grant.may("publish", "match:1")


def test_a_file_without_a_key_to_sign_with(tmp_path: Path) -> None:
    public = Ed25519PrivateKey.generate().public_key()
    (tmp_path / "k").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    result = grandstand("token", "k", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (2, "grandstand: k holds no shared secret and no private key\n")
