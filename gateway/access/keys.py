"""Keys that tokens are checked with: from a file (JWK set, PEM or a raw secret) or from a JWK set's address, with rotation.

Each key is tied to the algorithms of its type, so that a public key is never taken as a shared secret.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

logger: Any = structlog.get_logger("grandstand")

MIN_SECRET_BYTES = 32
REFRESH_S = 300.0
MIN_REFRESH_S = 5.0
KEYS_MAX = 64
MIN_RSA_BITS = 2048


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
    key = _key(None, data.strip())
    assert key is not None
    return [key]


def parse_jwks(text: str, *, secrets: bool = True) -> list[Key]:
    """The keys of a JWK set (RFC 7517); keys of other types or for other uses are left out.

    Args:
        secrets: whether shared secrets are taken. Who publishes a set on the web publishes no secret in it.

    Raises:
        BadKeys
    """
    try:
        found = jwt.PyJWKSet.from_json(text)
    except (jwt.PyJWTError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadKeys(f"not a JWK set with usable keys ({type(error).__name__})") from None
    keys = []
    for jwk in found.keys[:KEYS_MAX]:
        if jwk.public_key_use not in (None, "sig") or (isinstance(jwk.key, bytes) and not secrets):
            continue
        key = _key(jwk.key_id, jwk.key)
        # A set may tie a key to another algorithm of its type (RS512, for example): then it is not for us.
        if key is not None and jwk.algorithm_name == key.algorithm:
            keys.append(key)
    if not keys:
        raise BadKeys("a JWK set without a usable key")
    return keys


def _pem_blocks(text: str) -> list[str]:
    return ["-----BEGIN" + block for block in text.split("-----BEGIN")[1:]]


def _pem(block: str) -> Key:
    try:
        material = load_pem_public_key(block.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise BadKeys("a PEM block is not a public key") from None
    key = _key(None, material)
    if key is None:
        raise BadKeys("a PEM key is neither RSA nor Ed25519")
    return key


def _key(kid: str | None, material: Any) -> Key | None:
    """The key with the one algorithm of its type; None for other types.

    Raises:
        BadKeys: the key is too weak.
    """
    if isinstance(material, bytes):
        if len(material) < MIN_SECRET_BYTES:
            raise BadKeys(f"a secret has at least {MIN_SECRET_BYTES} bytes (RFC 7518 section 3.2)")
        return Key(kid, "HS256", material)
    if isinstance(material, RSAPublicKey):
        if material.key_size < MIN_RSA_BITS:
            raise BadKeys(f"an RSA key has at least {MIN_RSA_BITS} bits (RFC 7518 section 3.3)")
        return Key(kid, "RS256", material)
    if isinstance(material, Ed25519PublicKey):
        return Key(kid, "EdDSA", material)
    return None


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
        # Few gateways need it, and its HTTP client takes as long to import as the rest of a worker's libraries together.
        from gateway.access.jwk_set import NotRead, download

        self._fetched_s = time.monotonic()
        try:
            keys = parse_jwks(await download(self._url), secrets=False)
        except (NotRead, BadKeys) as error:
            # The keys known so far stay good.
            logger.warning("jwks_not_read", error=str(error) if isinstance(error, NotRead) else "BadKeys")
            return
        if keys != self._fetched:
            self._fetched = keys
            self.generation += 1
