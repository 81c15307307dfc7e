"""Tokens: the same JWT (RFC 7519) for HTTP, SSE and WebSocket, checked by PyJWT and remembered while it is good.

A token is never logged and never part of an error; its hash is what is remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import jwt

from gateway.access.keys import BadKeys, KeyRing, read_keys

NAMELESS = "?"
"""The subject of a token that names none: no id of a user channel has this character."""
CACHE_MAX = 10_000
TOKEN_MAX_CHARS = 8_192
SCOPES = frozenset({"watch", "publish", "admin"})
PATTERNS_MAX = 100
USER_KIND = "user"


class AccessConfig(Protocol):
    """What verification needs of the settings (the section `access`)."""

    @property
    def keys_file(self) -> str: ...
    @property
    def jwks_url(self) -> str: ...
    @property
    def algorithms(self) -> list[str]: ...
    @property
    def issuer(self) -> str: ...
    @property
    def audience_claim(self) -> str: ...
    @property
    def leeway_s(self) -> float: ...
    @property
    def anonymous(self) -> bool: ...
    @property
    def anonymous_channels(self) -> list[str]: ...
    @property
    def anonymous_audience(self) -> str: ...
    @property
    def anonymous_publish(self) -> bool: ...


class AccessDenied(Exception):
    """Why not.

    Args:
        code: unauthorized (no or no good token) or forbidden (a good one that does not allow it).
        detail: for the peer; never holds the token.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Grant:
    """What a peer may do.

    Args:
        subject: who it is; empty for an anonymous peer.
        channels: patterns (`match:*`) of the channels that the scopes are for.
        audience: the view that it gets.
        expires_s: unix time at which the grant ends.
    """

    subject: str
    scopes: frozenset[str]
    channels: tuple[str, ...]
    audience: str
    expires_s: int | None

    def may(self, scope: str, channel: str) -> bool:
        """Whether the scope is granted for the channel; a user's channel is watched by that user and nobody else."""
        kind, _, identity = channel.partition(":")
        if kind == USER_KIND and scope == "watch":
            return scope in self.scopes and self.subject == identity
        return scope in self.scopes and any(fnmatchcase(channel, pattern) for pattern in self.channels)


class Verifier:
    """Checks tokens against keys.

    Args:
        config: the section `access` of the settings.
        audiences: names that a token's claim `audience` may have.

    Raises:
        BadKeys: the keys' file cannot be used.
    """

    def __init__(self, config: AccessConfig, audiences: frozenset[str]) -> None:
        self._config = config
        self._audiences = audiences
        self._ring = KeyRing(read_keys(Path(config.keys_file)) if config.keys_file else [], config.jwks_url)
        self._cache: OrderedDict[bytes, Grant] = OrderedDict()
        self._cache_generation = 0
        scopes = {"watch"} if config.anonymous else set()
        if config.anonymous_publish:
            scopes.add("publish")
        self._anonymous = Grant(
            "", frozenset(scopes), tuple(config.anonymous_channels), config.anonymous_audience, None
        )

    async def start(self) -> None:
        """Reads the JWK set, if there is one."""
        await self._ring.start()

    async def close(self) -> None:
        """Ends refreshing."""
        await self._ring.close()

    def anonymous(self) -> Grant:
        """What somebody without a token may do."""
        return self._anonymous

    def verify(self, token: str, now_s: float) -> Grant:
        """The grant of a token.

        Raises:
            AccessDenied
        """
        if len(token) > TOKEN_MAX_CHARS:
            raise AccessDenied("unauthorized", "the token is too long")
        if self._cache_generation != self._ring.generation:
            self._cache.clear()
            self._cache_generation = self._ring.generation
        digest = blake2b(token.encode("utf-8", "replace"), digest_size=16).digest()
        grant = self._cache.get(digest)
        if grant is None:
            grant = self._grant(self._claims(token))
            if len(self._cache) >= CACHE_MAX:
                self._cache.popitem(last=False)
            self._cache[digest] = grant
        else:
            self._cache.move_to_end(digest)
        if grant.expires_s is not None and now_s >= grant.expires_s + self._config.leeway_s:
            raise AccessDenied("unauthorized", "the token has expired")
        return grant

    def _claims(self, token: str) -> dict[str, Any]:
        config = self._config
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise AccessDenied("unauthorized", "the token is not a JWT") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in config.algorithms:
            raise AccessDenied("unauthorized", "the token's algorithm is not taken")
        for key in self._ring.candidates(kid if isinstance(kid, str) else None, algorithm):
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key.material,
                    algorithms=[key.algorithm],
                    issuer=config.issuer or None,
                    audience=config.audience_claim or None,
                    leeway=config.leeway_s,
                    options={"verify_aud": bool(config.audience_claim), "require": ["exp"]},
                )
                return claims
            except jwt.InvalidSignatureError:
                continue
            except jwt.ExpiredSignatureError:
                raise AccessDenied("unauthorized", "the token has expired") from None
            except jwt.ImmatureSignatureError:
                raise AccessDenied("unauthorized", "the token is not valid yet") from None
            except (jwt.PyJWTError, OverflowError) as error:
                raise AccessDenied("unauthorized", f"the token is not good ({type(error).__name__})") from None
        raise AccessDenied("unauthorized", "no known key has signed the token")

    def _grant(self, claims: dict[str, Any]) -> Grant:
        scope = claims.get("scope", claims.get("scopes", ""))
        scopes = scope.split() if isinstance(scope, str) else scope
        channels = claims.get("channels", [])
        audience = claims.get("audience", "public")
        if not isinstance(scopes, list) or not all(isinstance(name, str) for name in scopes):
            raise AccessDenied("unauthorized", "the claim scope is not a list of words")
        if not isinstance(channels, list) or not all(isinstance(pattern, str) for pattern in channels):
            raise AccessDenied("unauthorized", "the claim channels is not a list of patterns")
        if len(channels) > PATTERNS_MAX:
            raise AccessDenied("unauthorized", f"more than {PATTERNS_MAX} channel patterns")
        if not isinstance(audience, str) or audience not in self._audiences:
            raise AccessDenied("forbidden", "the token's audience does not exist here")
        return Grant(
            str(claims.get("sub", "")) or NAMELESS,
            frozenset(scopes) & SCOPES,
            tuple(channels),
            audience,
            int(claims["exp"]),
        )


__all__ = ["AccessDenied", "BadKeys", "Grant", "Verifier"]
