"""`grandstand token`: a token for trying things out, signed with a shared secret or a private key.

Real tokens come from your own service.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.effective import refuse


def token(
    key_file: Annotated[
        Path,
        typer.Argument(help="a shared secret (as access.keys_file has it), a JWK set with one, or a private PEM key"),
    ],
    subject: Annotated[str, typer.Option(help="who it is for")] = "developer",
    scope: Annotated[str, typer.Option(help="words of: watch publish admin")] = "watch",
    channels: Annotated[str, typer.Option(help="patterns between commas")] = "*",
    audience: Annotated[str, typer.Option(help="the audience it belongs to")] = "public",
    issuer: Annotated[str, typer.Option(help="the claim iss; empty for none")] = "",
    aud: Annotated[str, typer.Option(help="the claim aud; empty for none")] = "",
    kid: Annotated[str, typer.Option(help="the key's id in a JWK set; by default the set's own")] = "",
    valid_s: Annotated[int, typer.Option(min=1, help="seconds until it expires")] = 3600,
) -> None:
    """Makes a token for trying things out."""
    import jwt

    algorithm, material, own_kid = _signing_key(key_file)
    claims: dict[str, Any] = {
        "sub": subject,
        "scope": scope,
        "channels": [pattern.strip() for pattern in channels.split(",")],
        "audience": audience,
        "exp": int(time.time()) + valid_s,
    }
    claims |= {name: value for name, value in (("iss", issuer), ("aud", aud)) if value}
    headers = {"kid": kid or own_kid} if kid or own_kid else None
    typer.echo(jwt.encode(claims, material, algorithm=algorithm, headers=headers))


def _signing_key(path: Path) -> tuple[str, Any, str | None]:
    """Algorithm, key and key id to sign with; ends the command where the file has none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from gateway.access.keys import BadKeys, read_keys

    try:
        data = path.read_bytes()
    except OSError as error:
        refuse(f"{path} cannot be read ({error.strerror})")
    if b"PRIVATE KEY-----" in data:
        try:
            private = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            refuse(f"{path} is not a private key without password")
        if isinstance(private, RSAPrivateKey):
            return "RS256", private, None
        if isinstance(private, Ed25519PrivateKey):
            return "EdDSA", private, None
        refuse(f"{path} is neither an RSA nor an Ed25519 key")
    try:
        secrets = [key for key in read_keys(path) if key.algorithm == "HS256"]
    except BadKeys as error:
        refuse(f"{path}: {error}")
    if not secrets:
        refuse(f"{path} holds no shared secret and no private key")
    return "HS256", secrets[0].material, secrets[0].kid
