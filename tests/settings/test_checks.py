"""What no single setting can say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.model import board_kinds, boards
from gateway.settings import SettingsError, checks, load


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"admin.port": "8080"}, "admin.port: 8080 is listen.port too"),
        ({"listen.host": "a/b"}, "listen.host: 'a/b' is not an address"),
        ({"listen.tls_cert": __file__}, "listen.tls_key: is missing: certificate and key go together"),
        ({"listen.tls_key": __file__}, "listen.tls_cert: is missing: certificate and key go together"),
        ({"access.keys_file": "/none"}, "access.keys_file: /none is not a file"),
        ({"bus.url": "http://x"}, "bus.url: is not a redis://, rediss:// or unix:// URL, nor redis+cluster://"),
        ({"bus.url": "redis://"}, "bus.url: is not a redis://, rediss:// or unix:// URL, nor redis+cluster://"),
        (
            {"bus.url": "redis://:secret@h:99999"},
            "bus.url: is not a redis://, rediss:// or unix:// URL, nor redis+cluster://",
        ),
        ({"bus.url": "none"}, "bus.url: is not a redis://, rediss:// or unix:// URL, nor redis+cluster://"),
        (
            {"bus.write_url": "unix://"},
            "bus.write_url: is not a redis://, rediss:// or unix:// URL, nor redis+cluster://",
        ),
        ({"pace.min_interval_ms": "200", "pace.max_interval_ms": "100"}, "pace.max_interval_ms: is shorter than"),
        ({"channel.max_event_bytes": "1000000", "channel.ring_bytes": "65536"}, "channel.ring_bytes: is less than"),
        ({"access.algorithms": "HS256,none"}, "access.algorithms: none is not one of HS256, RS256, EdDSA"),
        ({"access.jwks_url": "ftp://x/keys"}, "access.jwks_url: is not an http:// or https:// URL"),
        ({"access.origins": "example.org"}, "access.origins: 'example.org' is not an origin"),
        ({"access.origins": "https://example.org/"}, "access.origins: 'https://example.org/' is not an origin"),
        ({"page.country_header": "CF IPCountry"}, "page.country_header: 'CF IPCountry' is not the name of a header"),
        ({"page.countries": "DE"}, "page.countries: nothing says which country"),
        ({"page.frame_ancestors": "club.example"}, "page.frame_ancestors: 'club.example' is not an origin"),
        ({"page.frame_ancestors": "https://a.example; script-src *"}, "page.frame_ancestors: "),
        ({"access.anonymous_audience": "all"}, "access.anonymous_audience: there is no audience 'all'"),
        ({"audiences": '{"A b": {}}'}, "audiences.A b: a name has up to 32"),
        ({"audiences": '{"a": {"hidden": ["players"]}}'}, "audiences.a: 'players' is not a path"),
        ({"audiences": '{"a": {"hidden": ["/players//pos"]}}'}, "audiences.a: '/players//pos' is not a path"),
        ({"boards.season_begins": "2026-11-01T00:00:00"}, "boards.season_begins: is no moment with a time zone"),
        ({"boards.season_begins": "November"}, "boards.season_begins: is no moment with a time zone"),
        ({"boards.kinds": '{"Region": {"path": "/region"}}'}, "boards.kinds.Region: a name has up to 24 of a-z"),
        ({"boards.kinds": '{"week": {"path": "/region"}}'}, "boards.kinds.week: there are such boards anyway"),
        (
            {"boards.kinds": '{"a": {"path": "/a", "field": "a"}}'},
            "boards.kinds.a: is made either of a field or of a path",
        ),
        ({"boards.kinds": '{"a": {"metrics": ["kills"]}}'}, "boards.kinds.a: needs a field, a path, or a window"),
        ({"boards.kinds": '{"a": {"path": "region"}}'}, "boards.kinds.a: 'region' is not a path like /players/*/hero"),
        ({"boards.kinds": '{"a": {"field": "a", "metrics": ["a.b"]}}'}, "boards.kinds.a: 'a.b' is not a metric"),
        (
            {"boards.kinds": '{"a": {"begins": "2026-12-02T00:00:00Z", "ends": "2026-12-01T00:00:00Z"}}'},
            "boards.kinds.a: ends before it begins",
        ),
        ({"boards.kinds": '{"a": {"begins": "2026-12-02T00:00:00"}}'}, "boards.kinds.begins: expected `datetime`"),
        ({"boards.kinds": '{"a": {"fields": "x"}}'}, "boards.kinds: object contains unknown field `fields`"),
        (
            {"boards.kinds": json.dumps({f"k{number}": {"field": "a"} for number in range(17)})},
            "boards.kinds: are more than 16",
        ),
        ({"runtime_dir": "/" + "x" * 100}, "runtime_dir: is longer than 75 characters"),
    ],
)
def test_settings_that_do_not_go_together(flags: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(None, {}, flags)
    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "flags",
    [
        {"listen.port": "0", "admin.port": "0"},
        {"bus.url": "redis://user:pass@[::1]:6379/2", "bus.write_url": "none"},
        {"bus.url": "unix:///run/valkey.sock?db=1"},
        {"access.origins": "*"},
        {"access.origins": "http://localhost:5173"},
        {"access.jwks_url": "https://login.example/keys.json?x=1"},
    ],
)
def test_settings_that_do(flags: dict[str, str]) -> None:
    load(None, {}, flags)


def test_kinds_are_named_as_boards_are() -> None:
    """The settings know nothing of boards, and say the same of their names."""
    assert checks.BOARD_KIND == board_kinds.KIND_RE
    assert frozenset(checks.BOARD_KINDS_TAKEN) == board_kinds.BUILT_IN
    assert checks.METRIC == boards.METRIC_RE


def test_certificate_and_key_are_looked_for(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("")
    flags = {"listen.tls_cert": str(tmp_path / "cert.pem"), "listen.tls_key": str(tmp_path / "key.pem")}
    assert load(None, {}, flags)[0].listen.tls_key.endswith("key.pem")
