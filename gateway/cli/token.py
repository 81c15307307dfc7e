"""`grandstand token`: a token for trying things out, signed with a shared secret. Real ones come from your own service."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import jwt
import typer

from gateway.cli.effective import refuse


def token(
    secret_file: Annotated[Path, typer.Option(help="file with the shared secret (HS256), as access.keys_file has it")],
    subject: Annotated[str, typer.Option(help="who it is for")] = "developer",
    scope: Annotated[str, typer.Option(help="words of: watch publish admin")] = "watch",
    channels: Annotated[str, typer.Option(help="patterns between commas")] = "*",
    audience: Annotated[str, typer.Option(help="the audience it belongs to")] = "public",
    valid_s: Annotated[int, typer.Option(min=1, help="seconds until it expires")] = 3600,
) -> None:
    """Makes a token for trying things out."""
    from gateway.access.keys import BadKeys, read_keys

    try:
        keys = [key for key in read_keys(secret_file) if key.algorithm == "HS256"]
    except BadKeys as error:
        refuse(str(error))
    if not keys:
        refuse(f"{secret_file} holds no shared secret")
    claims = {
        "sub": subject,
        "scope": scope,
        "channels": [pattern.strip() for pattern in channels.split(",")],
        "audience": audience,
        "exp": int(time.time()) + valid_s,
    }
    headers = {"kid": keys[0].kid} if keys[0].kid else None
    typer.echo(jwt.encode(claims, keys[0].material, algorithm="HS256", headers=headers))
