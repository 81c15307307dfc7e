"""Logging: one line an event, JSON or console, on stderr. Secrets and tokens never get here: events carry names and numbers.

Owns the form of lines; never decides what is worth one.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, Final, Protocol

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_SECRET_KEYS: Final = re.compile(r"token|secret|password|authorization|bearer", re.IGNORECASE)
_URL_PASSWORD: Final = re.compile(r"(?<=://)([^/@\s:]*):[^/\s]*@")
_QUERY_PASSWORD: Final = re.compile(r"(?<=[?&]password=)[^&#\s]*")
_JWT: Final = re.compile(r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*")


class LogSettings(Protocol):
    """What logging needs of the settings."""

    @property
    def log_format(self) -> str: ...

    @property
    def log_level(self) -> str: ...


logger: Any = structlog.get_logger("grandstand")


def configure(settings: LogSettings, **bound: object) -> None:
    """Sets the form of this process's lines; `bound` is on every line."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        # Its own way to show exceptions tells the values of variables, secrets among them.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_secrets,
        renderer,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.log_level]),
        # One write a line: several processes share the file.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**bound)
    # Libraries' warnings in the same form; their chatter is dropped.
    logging.basicConfig(level=logging.WARNING, handlers=[_Bridge()], force=True)


def masked(url: str) -> str:
    """A URL without its password."""
    return _QUERY_PASSWORD.sub("***", _URL_PASSWORD.sub(r"\1:***@", url))


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if _SECRET_KEYS.search(key):
            event[key] = "***"
        elif isinstance(value, str):
            event[key] = _JWT.sub("***", masked(value) if "://" in value else value)
    return event


class _Bridge(logging.Handler):
    """Passes records of the standard library's logging on."""

    def emit(self, record: logging.LogRecord) -> None:
        method = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(logger, method)("library", library=record.name, message=record.getMessage(), exc_info=record.exc_info)
