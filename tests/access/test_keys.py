"""Keys from files, and a JWK set's address with rotation, from a real HTTP server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.access import keys
from gateway.access.jwk_set import BODY_MAX_BYTES
from gateway.access.keys import BadKeys, KeyRing, parse_jwks, read_keys
from gateway.access.tokens import AccessDenied, Verifier
from tests.access.conftest import SECRET, jwk, pem, token
from tests.patience import eventually


class KeyServer:
    """Serves one JWK set over HTTP and counts requests."""

    def __init__(self) -> None:
        self.body = b'{"keys": []}'
        self.status = b"200 OK"
        self.requests = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        head = b"HTTP/1.1 %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (self.status, len(self.body))
        writer.write(head + self.body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def publish(self, *members: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": list(members)}).encode()


@pytest.fixture
async def server() -> AsyncIterator[tuple[KeyServer, str]]:
    keys_here = KeyServer()
    listening = await asyncio.start_server(keys_here.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    yield keys_here, f"http://127.0.0.1:{port}/keys.json"
    listening.close()
    await listening.wait_closed()


def good(verifier: Verifier, text: str) -> bool:
    try:
        return verifier.verify(text, time.time()).subject == "ann"
    except AccessDenied:
        return False


async def test_a_new_key_is_fetched_when_a_token_names_it(
    server: tuple[KeyServer, str], verifier: Callable[..., Verifier], monkeypatch: pytest.MonkeyPatch, rsa: RSAPrivateKey,
    ed25519: Ed25519PrivateKey,
) -> None:  # fmt: skip
    monkeypatch.setattr(keys, "MIN_REFRESH_S", 0.05)
    source, url = server
    source.publish(jwk(rsa, "first"))
    known = verifier(None, jwks_url=url)
    await known.start()
    try:
        old, new = token(rsa, "RS256", "first"), token(ed25519, "EdDSA", "second")
        assert good(known, old)
        assert not good(known, new)
        source.publish(jwk(ed25519, "second"))
        await eventually(lambda: good(known, new))
        assert not good(known, old), "a key that is gone is gone for remembered tokens too"
    finally:
        await known.close()


async def test_made_up_key_ids_do_not_become_requests(
    server: tuple[KeyServer, str], verifier: Callable[..., Verifier], rsa: RSAPrivateKey
) -> None:
    source, url = server
    source.publish(jwk(rsa, "first"))
    known = verifier(None, jwks_url=url)
    await known.start()
    try:
        for number in range(200):
            assert not good(known, token(SECRET, "HS256", f"made-up-{number}"))
            await asyncio.sleep(0)
        assert source.requests == 1, "the next one may be made MIN_REFRESH_S after the last"
    finally:
        await known.close()


async def test_a_server_that_fails_leaves_the_known_keys(
    server: tuple[KeyServer, str],
    verifier: Callable[..., Verifier],
    monkeypatch: pytest.MonkeyPatch,
    rsa: RSAPrivateKey,
) -> None:
    monkeypatch.setattr(keys, "REFRESH_S", 0.02)
    monkeypatch.setattr(keys, "MIN_REFRESH_S", 0.0)
    source, url = server
    source.publish(jwk(rsa, "first"))
    known = verifier(None, jwks_url=url)
    await known.start()
    try:
        text = token(rsa, "RS256", "first")
        source.status = b"500 Oops"
        for body in (source.body, b"<html>", b'{"keys": []}', b"[]", b"\xff", b"x" * (BODY_MAX_BYTES + 1)):
            source.body = body
            seen = source.requests
            await eventually(lambda seen=seen: source.requests >= seen + 2)  # type: ignore[misc]
            source.status = b"200 OK"
            assert good(known, text)
    finally:
        await known.close()


async def test_a_server_that_is_away_at_the_start_is_asked_again(
    server: tuple[KeyServer, str],
    verifier: Callable[..., Verifier],
    monkeypatch: pytest.MonkeyPatch,
    rsa: RSAPrivateKey,
) -> None:
    monkeypatch.setattr(keys, "MIN_REFRESH_S", 0.01)
    source, url = server
    source.status = b"503 Later"
    known = verifier(None, jwks_url=url)
    await known.start()
    try:
        text = token(rsa, "RS256", "first")
        assert not good(known, text)
        source.status = b"200 OK"
        source.publish(jwk(rsa, "first"))
        await eventually(lambda: good(known, text))
    finally:
        await known.close()


async def test_the_web_gives_no_secrets(server: tuple[KeyServer, str], rsa: RSAPrivateKey) -> None:
    source, url = server
    source.publish(jwk(SECRET, "shared"), jwk(rsa, "first"))
    ring = KeyRing([], url)
    await ring.start()
    await ring.close()
    assert [key.kid for key in ring.keys] == ["first"]


def test_keys_for_other_uses_or_algorithms_are_left_out(rsa: RSAPrivateKey, ed25519: Ed25519PrivateKey) -> None:
    members = [
        jwk(rsa, "encryption", use="enc"),
        jwk(rsa, "longer", alg="RS512"),
        jwk(rsa, "good", use="sig", alg="RS256"),
        jwk(ed25519, "ed"),
        {"kty": "EC", "crv": "P-256", "kid": "broken"},
    ]
    found = parse_jwks(json.dumps({"keys": members}))
    assert [(key.kid, key.algorithm) for key in found] == [("good", "RS256"), ("ed", "EdDSA")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"short", "a secret has at least 32 bytes"),
        (b"", "a secret has at least 32 bytes"),
        (b'{"keys": 3}', "not a JWK set"),
        (b"{}", "not a JWK set"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "a PEM block is not a public key"),
        (json.dumps({"keys": [jwk(b"weak", "w")]}).encode(), "a secret has at least 32 bytes"),
        (pem(generate_ec(SECP256R1())).encode(), "a PEM key is neither RSA nor Ed25519"),
        (pem(generate_private_key(65537, 1024)).encode(), "an RSA key has at least 2048 bits"),
        (
            Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "a PEM block is not a public key",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_keys_that_cannot_be_used(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content)
    with pytest.raises(BadKeys) as caught:
        read_keys(file)
    assert reason in str(caught.value)
    assert "short" not in str(caught.value), "key material is never repeated"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadKeys, match="cannot be read"):
        read_keys(tmp_path / "none")
