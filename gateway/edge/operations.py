"""What each route takes and answers, in words and types: the OpenAPI document is made from these and from the routes themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.edge import archive, leaderboards
from gateway.edge.archive_answers import EventPage, MatchCourse, MatchList, MatchSummary, PlayerStats
from gateway.edge.ingest import Published
from gateway.edge.leaderboards import BoardList, BoardPage
from gateway.edge.moments import SPEED_MAX, SPEED_MIN
from gateway.edge.notifications import NewNotification, Posted
from gateway.model import status_header
from gateway.model.messages import Beat, Snapshot
from gateway.model.rules import STATUSES

READS = (400, 401, 403, 404, 422, 503)
WRITES = (400, 401, 403, 404, 409, 413, 422, 429, 503)
POSITION = r"^(0|[1-9][0-9]{0,17})-(0|[1-9][0-9]{0,17})(\.(0|[1-9][0-9]{0,3}))?$"

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header."""

    name: str
    description: str
    schema: Schema
    place: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address.

    Args:
        answer: the type of the answer; a media type for what is not JSON; None where there is no body.
        created: 201 is answered, too.
        validated: the answer has an ETag, and 304 is answered.
        headers: what answers tell beside their body, 304 included: name, description and schema.
        body: the request body's schema or type, by media type.
    """

    summary: str
    answer: type | str | None
    problems: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: tuple[tuple[str, type | Schema], ...] = ()
    success: tuple[int, ...] = (200,)
    validated: bool = False
    headers: tuple[tuple[str, str, Schema], ...] = ()


def _whole(name: str, description: str, default: int, low: int, high: int) -> Parameter:
    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return Parameter(name, description, schema)


def _limit(default: int, high: int) -> Parameter:
    return _whole("limit", "rows of a page", default, 1, high)


IF_NONE_MATCH = Parameter("If-None-Match", "the ETag held", {"type": "string", "pattern": r'^W?/?"[!#-~]*"$'}, "header")
EVENT = {
    "type": "object",
    "required": ["op"],
    "properties": {
        "op": {"type": "string", "minLength": 1, "maxLength": 64},
        "patch": {"type": "object", "description": "a JSON Merge Patch (RFC 7396) on the document"},
        "points": {"type": "object", "description": "increments by metric and member"},
    },
}

Operations = Mapping[tuple[str, str], Operation]
"""By method and path."""

OPERATIONS: Operations = {
    ("GET", "/v1/channels/{channel}"): Operation(
        "The channel's snapshot: state, version and recent events",
        Snapshot,
        READS,
        (IF_NONE_MATCH,),
        validated=True,
        headers=(
            (
                status_header.NAME,
                "how the channel is doing, which changes without a version; it goes before the body's status",
                {"type": "string", "pattern": "^(live|lagging|paused|ended);behind_ms=[0-9]+$"},
            ),
        ),
    ),
    ("GET", "/v1/channels/{channel}/stream"): Operation(
        "The channel as an event stream (Server-Sent Events): a snapshot, then deltas",
        "text/event-stream",
        READS,
        (
            Parameter("since", "the version held", {"type": "string"}),
            Parameter("at", "begin in the past: a version, -120s, or unix ms", {"type": "string"}),
            Parameter(
                "speed", "of the past", {"type": "number", "minimum": SPEED_MIN, "maximum": SPEED_MAX, "default": 1}
            ),
        ),
    ),
    ("GET", "/v1/channels/{channel}/events"): Operation(
        "Events of the past, page by page",
        EventPage,
        READS,
        (
            Parameter("after", "events after this one, oldest first", {"type": "string", "pattern": POSITION}),
            Parameter("before", "events before this one (empty: from the newest), newest first", {"type": "string"}),
            Parameter(
                "ops",
                f"only these 1 to {archive.OPS_MAX} ops, with commas between them and none empty",
                {"type": "string", "minLength": 1, "maxLength": 1024},
            ),
            _limit(archive.EVENTS_DEFAULT, archive.EVENTS_MAX),
            IF_NONE_MATCH,
        ),
        validated=True,
    ),
    ("POST", "/v1/channels/{channel}/events"): Operation(
        "Appends an event, a list of events, or NDJSON (scope publish); a first event `reset` opens an epoch",
        Published,
        WRITES,
        (
            Parameter("epoch", "the publisher's epoch; the newest by default", {"type": "integer", "minimum": 0}),
            Parameter(
                "Idempotency-Key",
                "the same key appends once",
                {"type": "string", "pattern": "^[!-~]{1,128}$"},
                "header",
            ),
        ),
        (
            ("application/json", {"anyOf": [EVENT, {"type": "array", "items": EVENT, "minItems": 1}]}),
            ("application/x-ndjson", {"type": "string"}),
        ),
        (200, 201),
    ),
    ("POST", "/v1/beats"): Operation(
        "How a page has done since its last report, from pages that have no WebSocket of their own",
        None,
        (400, 401, 403, 413, 422, 429),
        body=(("application/json", Beat),),
        success=(204,),
    ),
    ("GET", "/v1/matches"): Operation(
        "Live matches by id, then those of the past, newest first",
        MatchList,
        READS,
        (
            Parameter("status", "only these", {"type": "string", "enum": sorted(STATUSES)}),
            _limit(archive.MATCHES_DEFAULT, archive.MATCHES_MAX),
            Parameter("after", "the `next` of the page before", {"type": "string"}),
            IF_NONE_MATCH,
        ),
        validated=True,
    ),
    ("GET", "/v1/matches/{id}/course"): Operation(
        "How a match came to where it is: clock, teams and figures, half a minute apart",
        MatchCourse,
        READS,
        (IF_NONE_MATCH,),
        validated=True,
    ),
    ("GET", "/v1/matches/{id}/summary"): Operation(
        "A match's result and its players' totals", MatchSummary, READS, (IF_NONE_MATCH,), validated=True
    ),
    ("GET", "/v1/players/{id}/stats"): Operation(
        "A player over all matches", PlayerStats, READS, (IF_NONE_MATCH,), validated=True
    ),
    ("POST", "/v1/users/{id}/notifications"): Operation(
        "Notifies a user through the channel user:{id} (scope publish)",
        Posted,
        WRITES,
        body=(("application/json", NewNotification),),
        success=(201,),
    ),
    ("GET", "/v1/leaderboards"): Operation(
        "The boards",
        BoardList,
        READS,
        (
            _limit(leaderboards.LIMIT_DEFAULT, leaderboards.LIMIT_MAX),
            Parameter("after", "the `next` of the page before", {"type": "string", "maxLength": 256}),
            Parameter("matches", "false: without the boards of matches", {"type": "string", "enum": ["false", "true"]}),
            Parameter(
                "match",
                f"only the boards of these 1 to {leaderboards.MATCHES_MAX} matches, with commas between them and none empty",
                {"type": "string", "minLength": 1},
            ),
            IF_NONE_MATCH,
        ),
        validated=True,
    ),
    ("GET", "/v1/leaderboards/{board}"): Operation(
        "A page of a board, the top hundred by default",
        BoardPage,
        READS,
        (
            _whole("offset", "rows before the page", 0, 0, leaderboards.OFFSET_MAX),
            _limit(leaderboards.LIMIT_DEFAULT, leaderboards.LIMIT_MAX),
            IF_NONE_MATCH,
        ),
        validated=True,
    ),
    ("GET", "/v1/leaderboards/{board}/around/{member}"): Operation(
        "A member of a board and its neighbours",
        BoardPage,
        READS,
        (
            _whole("span", "rows above and below", leaderboards.SPAN_DEFAULT, 0, leaderboards.SPAN_MAX),
            IF_NONE_MATCH,
        ),
        validated=True,
    ),
    ("GET", "/v1/leaderboards/{board}/members"): Operation(
        "Chosen members of a board, such as friends",
        BoardPage,
        READS,
        (
            Parameter(
                "ids",
                f"1 to {leaderboards.IDS_MAX} members, with commas between them and none empty",
                {"type": "string", "minLength": 1},
                required=True,
            ),
            IF_NONE_MATCH,
        ),
        validated=True,
    ),
    ("GET", "/v1/leaderboards/{board}/search"): Operation(
        "Members of a board whose id, name or a word of it begins so; case and accents make no difference",
        BoardPage,
        READS,
        (
            Parameter("q", "the beginning", {"type": "string", "minLength": 1, "maxLength": 128}, required=True),
            _limit(leaderboards.FOUND_DEFAULT, leaderboards.FOUND_MAX),
            IF_NONE_MATCH,
        ),
        validated=True,
    ),
}

PATH_PARAMETERS: dict[str, Schema] = {
    "channel": {"type": "string", "pattern": "^[a-z]+:[A-Za-z0-9._~-]{1,128}$", "examples": ["match:42"]},
    "id": {"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,128}$", "examples": ["42"]},
    "board": {"type": "string", "minLength": 1, "examples": ["kills.all"]},
    "member": {"type": "string", "minLength": 1, "examples": ["p3"]},
    "connection": {"type": "string", "pattern": "^[0-9]{1,4}-[0-9]{1,18}$", "examples": ["0-1"]},
}
