"""What no single setting can say: checks of the whole tree, before anything starts.

Looks at files' presence, never into them; opens no connection.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from gateway.settings.errors import SettingsError
from gateway.settings.tree import ALGORITHMS, Settings

STORE_SCHEMES = ("redis", "rediss", "unix")
CLUSTER_SUFFIX = "+cluster"
BOARD_KIND = re.compile(r"[a-z][a-z0-9_-]{0,23}")
BOARD_KINDS_TAKEN = ("all", "season", "day", "week", "match")
BOARD_KINDS_MAX = 16
METRIC = re.compile(r"[A-Za-z0-9_~-]{1,32}")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
"""RFC 9110 section 5.1."""
AUDIENCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
SOCKET_PATH_ROOM = 75
"""Characters of a directory that leave room for a Unix socket's name: the kernel takes 107 in all (unix(7))."""


def check_together(settings: Settings) -> None:
    """Checks what depends on several settings or on the machine.

    Raises:
        SettingsError: names the first setting that is wrong.
    """
    _check_addresses(settings)
    _check_page(settings)
    _check_files(settings)
    _check_store(settings)
    _check_history(settings)
    _check_access(settings)
    _check_audiences(settings)
    _check_boards(settings)
    if settings.pace.max_interval_ms < settings.pace.min_interval_ms:
        raise SettingsError("pace.max_interval_ms", "is shorter than pace.min_interval_ms")
    if settings.channel.max_event_bytes > settings.channel.ring_bytes:
        raise SettingsError("channel.ring_bytes", "is less than channel.max_event_bytes: not one entry would fit")
    if len(settings.runtime_dir) > SOCKET_PATH_ROOM:
        raise SettingsError(
            "runtime_dir", f"is longer than {SOCKET_PATH_ROOM} characters; its sockets need short paths"
        )


def _check_page(settings: Settings) -> None:
    page = settings.page
    if page.country_header and not HEADER.fullmatch(page.country_header):
        raise SettingsError("page.country_header", f"{page.country_header!r} is not the name of a header")
    if page.countries and not page.country_header:
        raise SettingsError("page.countries", "nothing says which country a viewer is in: set page.country_header")


def _check_addresses(settings: Settings) -> None:
    listen, admin = settings.listen, settings.admin
    if listen.port and listen.port == admin.port and listen.host == admin.host:
        raise SettingsError("admin.port", f"{admin.port} is listen.port too")
    for key, host in (("listen.host", listen.host), ("admin.host", admin.host)):
        if not host or host != host.strip() or "/" in host:
            raise SettingsError(key, f"{host!r} is not an address")


def _check_files(settings: Settings) -> None:
    listen = settings.listen
    if bool(listen.tls_cert) != bool(listen.tls_key):
        missing = "listen.tls_key" if listen.tls_cert else "listen.tls_cert"
        raise SettingsError(missing, "is missing: certificate and key go together")
    files = {
        "listen.tls_cert": listen.tls_cert,
        "listen.tls_key": listen.tls_key,
        "access.keys_file": settings.access.keys_file,
    }
    for key, name in files.items():
        if name and not Path(name).is_file():
            raise SettingsError(key, f"{name} is not a file")


def _check_store(settings: Settings) -> None:
    for key, url in (("bus.url", settings.bus.url), ("bus.write_url", settings.bus.write_url)):
        if not url or (key == "bus.write_url" and url == "none"):
            continue
        # The URL itself may hold a password: it is not repeated.
        if not all(map(_is_store, _one_by_one(url))):
            raise SettingsError(key, "is not a redis://, rediss:// or unix:// URL, nor redis+cluster://")


def _check_history(settings: Settings) -> None:
    url = settings.history.url
    if url in ("", "none"):
        return
    # The URL itself may hold a password: it is not repeated. A host may be a parameter, for a Unix socket.
    try:
        good = urlsplit(url).scheme in ("postgresql", "postgres")
    except ValueError:
        good = False
    if not good:
        raise SettingsError("history.url", "is not a postgresql:// URL")


def _one_by_one(url: str) -> list[str]:
    """A cluster's URL as one URL for each of the nodes that it names; another one as it is."""
    scheme, mark, rest = url.partition("://")
    if not mark or not scheme.endswith(CLUSTER_SUFFIX) or scheme.startswith("unix"):
        return [url]
    user, at, hosts = rest.rpartition("@")
    return [f"{scheme.removesuffix(CLUSTER_SUFFIX)}://{user}{at}{host}" for host in hosts.split(",")]


def _is_store(url: str) -> bool:
    try:
        parts = urlsplit(url)
        good = parts.scheme in STORE_SCHEMES and bool(parts.path if parts.scheme == "unix" else parts.hostname)
        return good and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _check_access(settings: Settings) -> None:
    access = settings.access
    if access.anonymous_audience not in settings.audiences:
        raise SettingsError("access.anonymous_audience", f"there is no audience {access.anonymous_audience!r}")
    for algorithm in access.algorithms:
        if algorithm not in ALGORITHMS:
            raise SettingsError("access.algorithms", f"{algorithm} is not one of {', '.join(ALGORITHMS)}")
    if access.jwks_url and not _is_web(access.jwks_url):
        raise SettingsError("access.jwks_url", "is not an http:// or https:// URL")
    for key, origins in (
        ("access.origins", access.origins),
        ("page.frame_ancestors", settings.page.frame_ancestors),
    ):
        for origin in origins:
            if origin != "*" and not _is_origin(origin):
                raise SettingsError(key, f"{origin!r} is not an origin like https://example.org")


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_origin(text: str) -> bool:
    return _is_web(text) and urlsplit(text).path == "" and not any(character in text for character in "?#;, ")


def _check_audiences(settings: Settings) -> None:
    for name, audience in settings.audiences.items():
        if not AUDIENCE_NAME.fullmatch(name):
            raise SettingsError(f"audiences.{name}", "a name has up to 32 of a-z, 0-9, _ and -")
        for path in audience.hidden:
            if not _is_path(path):
                raise SettingsError(f"audiences.{name}", f"{path!r} is not a path like /players/*/pos")


def _is_path(text: str) -> bool:
    parts = text.split("/")
    return not parts[0] and len(parts) > 1 and all(parts[1:])


def _check_season(begins: str) -> None:
    if begins:
        try:
            zoned = datetime.fromisoformat(begins).tzinfo is not None
        except ValueError:
            zoned = False
        if not zoned:
            raise SettingsError("boards.season_begins", "is no moment with a time zone, like 2026-11-01T00:00:00Z")


def _check_boards(settings: Settings) -> None:
    _check_season(settings.boards.season_begins)
    kinds = settings.boards.kinds
    if len(kinds) > BOARD_KINDS_MAX:
        raise SettingsError("boards.kinds", f"are more than {BOARD_KINDS_MAX}")
    for name, kind in kinds.items():
        key = f"boards.kinds.{name}"
        if not BOARD_KIND.fullmatch(name):
            raise SettingsError(key, "a name has up to 24 of a-z, 0-9, _ and -, and begins with a letter")
        if name in BOARD_KINDS_TAKEN:
            raise SettingsError(key, "there are such boards anyway")
        if kind.field and kind.path:
            raise SettingsError(key, "is made either of a field or of a path")
        if not (kind.field or kind.path or kind.begins or kind.ends):
            raise SettingsError(key, "needs a field, a path, or a window (begins, ends)")
        if kind.path and not _is_path(kind.path):
            raise SettingsError(key, f"{kind.path!r} is not a path like /players/*/hero")
        if kind.begins is not None and kind.ends is not None and kind.begins >= kind.ends:
            raise SettingsError(key, "ends before it begins")
        for metric in kind.metrics:
            if not METRIC.fullmatch(metric):
                raise SettingsError(key, f"{metric!r} is not a metric")
