"""Keys and tokens that are made here, with the same library that a login service would use."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from gateway.access.tokens import Verifier
from gateway.settings import load

SECRET = b"0123456789abcdef0123456789abcdef"
AUDIENCES = frozenset({"public", "casters"})


@pytest.fixture(scope="session")
def rsa() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def ed25519() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def pem(key: Any) -> str:
    text: str = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return text


def jwk(key: Any, kid: str, **more: str) -> dict[str, Any]:
    """A key as a member of a JWK set."""
    if isinstance(key, bytes):
        return {"kty": "oct", "k": base64.urlsafe_b64encode(key).rstrip(b"=").decode(), "kid": kid, **more}
    maker = RSAAlgorithm if isinstance(key, RSAPrivateKey) else OKPAlgorithm
    return {**json.loads(maker.to_jwk(key.public_key())), "kid": kid, **more}


def token(key: Any, algorithm: str, kid: str | None = None, **claims: Any) -> str:
    """A token; claims that are None are left out."""
    full = {"sub": "ann", "scope": "watch", "channels": ["match:*"], "exp": int(time.time()) + 60, **claims}
    headers = {"kid": kid} if kid else None
    return jwt.encode({k: v for k, v in full.items() if v is not None}, key, algorithm=algorithm, headers=headers)


@pytest.fixture
def verifier(tmp_path: Path) -> Callable[..., Verifier]:
    """Makes a verifier from a keys file's text and more settings of the section `access`."""

    def make(text: str | bytes | None, **flags: str) -> Verifier:
        given = {f"access.{name}": value for name, value in flags.items()}
        if text is not None:
            file = tmp_path / "keys"
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
            given["access.keys_file"] = str(file)
        return Verifier(load(None, {}, given)[0].access, AUDIENCES)

    return make
