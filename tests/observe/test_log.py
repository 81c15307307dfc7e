"""Logs: one line an event, and no secret in any of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import structlog

from gateway.observe import log
from gateway.observe.log import logger, masked

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def configure(log_format: str = "json", log_level: str = "info", **bound: object) -> None:
    log.configure(SimpleNamespace(log_format=log_format, log_level=log_level), **bound)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    out, err = capsys.readouterr()
    assert not out, "stdout belongs to commands' results"
    return [json.loads(line) for line in err.splitlines()]


def test_one_line_of_json_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    configure(worker=3)
    logger.info("serving", port=8080, note="two\nlines")
    logger.debug("unseen")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["worker"], line["port"]) == ("serving", "info", 3, 8080)
    assert str(line["timestamp"]).endswith("Z")


def test_an_exception_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    try:
        raise ValueError(f"with {TOKEN}")
    except ValueError:
        logger.error("failed", exc_info=True)
    (line,) = lines(capsys)
    assert "ValueError: with ***" in str(line["exception"])


def test_secrets_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    logger.info("x", token="t0p", Authorization="Bearer t0p", store="redis://u:t0p@h:1/0", target=f"/v1/live?t={TOKEN}")
    (line,) = lines(capsys)
    assert line["store"] == "redis://u:***@h:1/0"
    assert line["target"] == "/v1/live?t=***"
    assert "t0p" not in json.dumps(line)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_an_exception_tells_no_variables_and_no_secrets(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configure(log_format)

    def refuse(token: str) -> None:
        raise ValueError(f"refused {token}")

    try:
        refuse(TOKEN)
    except ValueError as error:
        logger.error("failed", exc_info=error)
    told = capsys.readouterr().err
    assert "refuse(TOKEN)" in told
    assert "ValueError: refused" in told
    assert TOKEN not in told


def test_libraries_speak_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    logging.getLogger("some.library").warning("odd %s", "thing")
    logging.getLogger("some.library").info("chatter")
    (line,) = lines(capsys)
    assert (line["event"], line["library"], line["message"]) == ("library", "some.library", "odd thing")


def test_console_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure("console")
    logger.warning("worker_died", index=1)
    err = capsys.readouterr().err
    assert "worker_died" in err
    assert "index=1" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://:p@h", "redis://:***@h"),
        ("rediss://u:p%40q@h:1", "rediss://u:***@h:1"),
        ("redis://u:p@q@h", "redis://u:***@h"),
        ("unix://u:p@/run/v.sock", "unix://u:***@/run/v.sock"),
        ("redis://h/0?password=p&x=1", "redis://h/0?password=***&x=1"),
        ("at redis://a:b@c and redis://d:e@f", "at redis://a:***@c and redis://d:***@f"),
    ],
)
def test_passwords_in_urls(url: str, shown: str) -> None:
    assert masked(url) == shown
