"""Settings from file, environment and flags: precedence, origins, and one line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings import AudienceSettings, SettingsError, keys, load


def wrong(file: Path | None = None, environment: dict[str, str] | None = None, **flags: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(file, environment or {}, flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults_are_complete_and_come_from_nowhere() -> None:
    settings, origins = load(None, {"PATH": "/bin", "GRANDSTAND_MATCHES": "/x"}, {})
    assert origins == {}
    assert settings.listen.port == 8080
    assert settings.audiences == {"public": AudienceSettings()}


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "grandstand.toml"
    file.write_text("[listen]\nport = 1\nworkers = 3\nbacklog = 100\n[audiences.casters]\ndelay_ms = 5\n")
    environment = {"GRANDSTAND_LISTEN__PORT": "2", "GRANDSTAND_LISTEN__WORKERS": "4"}
    settings, origins = load(file, environment, {"listen.port": "3"})
    assert (settings.listen.port, settings.listen.workers, settings.listen.backlog) == (3, 4, 100)
    assert settings.audiences["casters"].delay_ms == 5
    assert origins == {
        "listen.port": "flag",
        "listen.workers": "environment GRANDSTAND_LISTEN__WORKERS",
        "listen.backlog": f"file {file}",
        "audiences": f"file {file}",
    }


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "g.toml"
    file.write_text("[pace]\ntick_s = 3\n")
    settings, _ = load(None, {"GRANDSTAND_CONFIG": str(file)}, {})
    assert settings.pace.tick_s == 3.0


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("access.anonymous", "no", False),
        ("access.anonymous", "TRUE", True),
        ("access.origins", "https://a.example, https://b.example", ["https://a.example", "https://b.example"]),
        ("access.origins", '["https://a.example"]', ["https://a.example"]),
        ("access.origins", "", []),
        ("pace.tick_s", "2.5", 2.5),
        ("bus.wakeup", "poll", "poll"),
    ],
)
def test_text_becomes_the_settings_type(key: str, text: str, value: object) -> None:
    settings, _ = load(None, {}, {key: text})
    section, _, name = key.partition(".")
    assert getattr(getattr(settings, section), name) == value


def test_an_audience_from_the_environment() -> None:
    text = '{"public": {"hidden": ["/players/*/pos"]}, "delayed": {"delay_ms": 1000}}'
    settings, _ = load(None, {"GRANDSTAND_AUDIENCES": text}, {})
    assert settings.audiences["public"].hidden == ["/players/*/pos"]
    assert settings.audiences["delayed"].delay_ms == 1000


def test_every_setting_can_be_given_by_its_own_default_as_text() -> None:
    """Whatever type a new setting has, flags and environment can carry it."""
    import msgspec

    tree = msgspec.to_builtins(load(None, {}, {})[0])
    given = {}
    for key, _ in keys():
        section, dot, name = key.partition(".")
        value = tree[section][name] if dot else tree[section]
        given[key] = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    assert load(None, {}, given)[0] == load(None, {}, {})[0]


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("listen.prot", "1", "listen.prot: there is no such setting; did you mean listen.port?"),
        ("port", "1", "port: there is no such setting"),
        ("listen.port", "x", "listen.port: 'x' is not a number"),
        ("listen.port", "70000", "listen.port: expected `int` <= 65535"),
        ("listen.workers", "0", "listen.workers: expected `int` >= 1"),
        ("pace.tick_s", "nan", "pace.tick_s: expected"),
        ("viewers.close_timeout_s", "inf", "viewers.close_timeout_s: expected `float` <= 86400"),
        ("bus.wakeup", "guess", "bus.wakeup: invalid enum value 'guess'; one of auto, blocking, notify, poll"),
        ("access.anonymous", "maybe", "access.anonymous: 'maybe' is not true or false"),
        ("audiences", "{", "audiences: is not JSON"),
        ("audiences", '{"a": {"hide": []}}', "audiences: object contains unknown field `hide`"),
    ],
)
def test_what_is_wrong_names_the_setting(key: str, text: str, message: str) -> None:
    assert wrong(**{key: text}).startswith(message)
    assert wrong(environment={"GRANDSTAND_" + key.upper().replace(".", "__"): text}).startswith(message)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    assert wrong(tmp_path / "none.toml") == f"{tmp_path}/none.toml: cannot be read (No such file or directory)"
    bad = tmp_path / "bad.toml"
    bad.write_text("[listen\n")
    assert wrong(bad).startswith(f"{bad}: is not TOML")
    bad.write_bytes(b"\xff\xfe")
    assert wrong(bad).startswith(f"{bad}: is not TOML")
    bad.write_text("[listen]\nport = '8080'\n")
    assert wrong(bad) == "listen.port: expected `int`, got `str`"
    bad.write_text("listen = 3\n")
    assert wrong(bad).startswith("listen: there is no such setting")
