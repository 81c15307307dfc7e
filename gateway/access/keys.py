"""Keys that tokens are checked with: from a file (JWK set, PEM or a raw secret) or from a JWK set's address, with rotation.

Each key is tied to the algorithms of its type, so that a public key is never taken as a shared secret.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

logger: Any = structlog.get_logger("grandstand")

MIN_SECRET_BYTES = 32
REFRESH_S = 300.0
MIN_REFRESH_S = 5.0
FETCH_TIMEOUT_S = 5.0
KEYS_MAX = 64
BODY_MAX_BYTES = 1_048_576


class BadKeys(Exception):
    """Keys that cannot be used; the text never holds key material."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key and the one algorithm that it is for."""

    kid: str | None
    algorithm: str
    material: Any


def read_keys(path: Path) -> list[Key]:
    """The keys of a file.

    Raises:
        BadKeys
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadKeys(f"{path} cannot be read ({error.strerror})") from None
    text = data.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        return parse_jwks(text)
    if "-----BEGIN" in text:
        return [_pem(block) for block in _pem_blocks(text)]
    secret = text.encode()
    if len(secret) < MIN_SECRET_BYTES:
        raise BadKeys(f"{path}: a secret has at least {MIN_SECRET_BYTES} bytes (RFC 7518 section 3.2)")
    return [Key(None, "HS256", secret)]


def parse_jwks(text: str) -> list[Key]:
    """The keys of a JWK set (RFC 7517); keys of other types are left out.

    Raises:
        BadKeys
    """
    try:
        found = jwt.PyJWKSet.from_json(text)
    except (jwt.PyJWTError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadKeys(f"not a JWK set ({type(error).__name__})") from None
    keys = []
    for jwk in found.keys[:KEYS_MAX]:
        if jwk.public_key_use not in (None, "sig"):
            continue
        material = jwk.key
        if isinstance(material, bytes):
            algorithm = "HS256"
        elif isinstance(material, RSAPublicKey):
            algorithm = "RS256"
        elif isinstance(material, Ed25519PublicKey):
            algorithm = "EdDSA"
        else:
            continue
        keys.append(Key(jwk.key_id, algorithm, material))
    return keys


def _pem_blocks(text: str) -> list[str]:
    return ["-----BEGIN" + block for block in text.split("-----BEGIN")[1:]]


def _pem(block: str) -> Key:
    try:
        material = load_pem_public_key(block.encode())
    except ValueError as error:
        raise BadKeys("a PEM block is not a public key") from error
    if isinstance(material, RSAPublicKey):
        return Key(None, "RS256", material)
    if isinstance(material, Ed25519PublicKey):
        return Key(None, "EdDSA", material)
    raise BadKeys("a PEM key is neither RSA nor Ed25519")


class KeyRing:
    """All keys known now.

    Args:
        fixed: keys of the file.
        url: address of a JWK set; empty for none.
    """

    def __init__(self, fixed: list[Key], url: str = "") -> None:
        self._fixed = fixed
        self._url = url
        self._fetched: list[Key] = []
        self._fetched_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self.generation = 0

    @property
    def keys(self) -> list[Key]:
        """Every key."""
        return self._fixed + self._fetched

    async def start(self) -> None:
        """Reads the JWK set once and keeps reading it; a failure now is not fatal."""
        if self._url:
            await self._fetch()
            self._task = asyncio.get_running_loop().create_task(self._refresh())

    async def close(self) -> None:
        """Reads no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def candidates(self, kid: str | None, algorithm: str) -> list[Key]:
        """The keys that a token with this header may have been signed with; an unknown `kid` asks for a refresh."""
        fitting = [key for key in self.keys if key.algorithm == algorithm]
        named = [key for key in fitting if kid is not None and key.kid == kid]
        if named:
            return named
        if kid is not None:
            self._wanted.set()
        return [key for key in fitting if key.kid is None or kid is None]

    async def _refresh(self) -> None:
        while True:
            try:
                async with asyncio.timeout(REFRESH_S):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            # A stream of tokens with made-up key ids must not become a stream of requests.
            await asyncio.sleep(max(0.0, self._fetched_s + MIN_REFRESH_S - time.monotonic()))
            self._wanted.clear()
            await self._fetch()

    async def _fetch(self) -> None:
        self._fetched_s = time.monotonic()
        try:
            async with httpx.AsyncClient(timeout=FETCH_TIMEOUT_S) as client:
                answer = await client.get(self._url)
                answer.raise_for_status()
            if len(answer.content) > BODY_MAX_BYTES:
                raise BadKeys("the JWK set is too large")
            self._fetched = parse_jwks(answer.text)
            self.generation += 1
        except (httpx.HTTPError, BadKeys) as error:
            # The keys known so far stay good.
            logger.warning("jwks_not_read", error=type(error).__name__)
