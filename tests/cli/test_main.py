"""The command as a whole: quick, complete, and one line for what is wrong."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from gateway.cli.commands import COMMANDS
from tests.cli.conftest import environment, grandstand


def test_help_lists_every_command(tmp_path: Path) -> None:
    result = grandstand("--help", cwd=tmp_path)
    assert result.returncode == 0
    for name, meaning in COMMANDS.items():
        assert any(line.split() == [name, *meaning.split()] for line in result.stdout.splitlines()), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_explains_itself(name: str, tmp_path: Path) -> None:
    function = getattr(importlib.import_module(f"gateway.cli.{name}"), name)
    app = typer.Typer()
    app.command()(function)
    assert typer.main.get_command(app) is not None
    assert function.__doc__
    # What the module imports under the same name is not the command.
    assert function.__module__ == f"gateway.cli.{name}"


def test_help_imports_no_machinery() -> None:
    """Shell completion runs the command for every key press."""
    script = """
import sys
sys.argv = ["grandstand", "--help"]
from gateway.cli.main import main
try:
    main()
finally:
    print([name for name in ("redis", "uvloop", "starlette", "httpx", "prometheus_client", "jwt") if name in sys.modules],
          file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True)
    assert result.stderr.strip() == "[]"


def test_completion_knows_the_commands(tmp_path: Path) -> None:
    result = grandstand(cwd=tmp_path, _GRANDSTAND_COMPLETE="complete_bash", COMP_WORDS="grandstand do", COMP_CWORD="1")
    assert result.stdout.split() == ["doctor"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("serve", "--set", "listen.port=x"), "grandstand: listen.port: 'x' is not a number"),
        (
            ("serve", "--set", "listen.prot=1"),
            "grandstand: listen.prot: there is no such setting; did you mean listen.port?",
        ),
        (
            ("serve", "--conformance-echo"),
            "grandstand: --conformance-echo: is for test suites only; testing.conformance_echo allows it",
        ),
        (
            (
                *("serve", "--conformance-echo", "--set", "testing.conformance_echo=true"),
                *("--set", "bus.url=redis://127.0.0.1:1"),
            ),
            "grandstand: bus.url: is set, and --conformance-echo is never run beside a store",
        ),
        (("serve", "--set", "listen.port"), "grandstand: --set listen.port: it is written key=value"),
        (("serve", "--settings", "none.toml"), "grandstand: none.toml: cannot be read (No such file or directory)"),
        (
            ("config", "--set", "bus.url=x"),
            "grandstand: bus.url: is not a redis://, rediss:// or unix:// URL, nor redis+cluster://",
        ),
        (("doctor", "--set", "pace.tick_s=0"), "grandstand: pace.tick_s: expected `float` >= 1.0"),
        (("publish", "nothing", "{}"), "grandstand: 'nothing' is not a channel; one looks like match:42"),
        (("aggregate",), "grandstand: bus.url: this role needs a store that others use too"),
        (
            ("aggregate", "--set", "bus.url=redis://127.0.0.1:1"),
            "grandstand: history.url: is not set; set it to the database that all gateways of this store use, "
            "or to none for no history",
        ),
        (("token", "none"), "grandstand: none cannot be read (No such file or directory)"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(arguments: tuple[str, ...], line: str, tmp_path: Path) -> None:
    result = grandstand(*arguments, cwd=tmp_path)
    assert (result.returncode, result.stderr, result.stdout) == (2, line + "\n", "")


def test_keys_and_certificates_are_looked_at_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("short")
    keys = grandstand("serve", "--set", "access.keys_file=x", cwd=tmp_path)
    assert keys.returncode == 2
    assert keys.stderr.startswith("grandstand: access.keys_file: a secret has at least 32 bytes")
    tls = grandstand("serve", "--set", "listen.tls_cert=x", "--set", "listen.tls_key=x", cwd=tmp_path)
    assert tls.returncode == 2
    assert tls.stderr.startswith("grandstand: listen.tls_cert: cannot be used")
    assert len(keys.stderr.splitlines()) == len(tls.stderr.splitlines()) == 1
    assert not (tmp_path / ".grandstand").exists()


@pytest.mark.parametrize("arguments", [("publish", "match:1", '{"op":"reset","state":{}}')])
def test_a_store_that_is_away_is_one_line_and_exit_code_1(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = grandstand(*arguments, "--set", "bus.url=redis://:s3cret@127.0.0.1:1", cwd=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("grandstand: the store cannot be reached")
    assert "s3cret" not in result.stderr
