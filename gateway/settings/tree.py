"""Every setting with its type, default, bounds and meaning: the one place. Documentation and checks are made from it.

Names are dotted (`listen.port`); units are in the names.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

ALGORITHMS = ("HS256", "RS256", "EdDSA")
"""Signature algorithms of tokens that there is code for."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of settings."""


class Listen(Section, frozen=True):
    """Where viewers connect."""

    host: Annotated[str, Meta(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="port for everything; 0 picks a free one")] = 8080
    workers: Annotated[int, Meta(ge=1, le=256, description="worker processes")] = 2
    backlog: Annotated[int, Meta(ge=16, le=65535, description="connections the kernel queues for a worker")] = 4096
    tls_cert: Annotated[str, Meta(description="certificate chain (PEM); empty: no TLS in the process")] = ""
    tls_key: Annotated[str, Meta(description="the certificate's private key (PEM)")] = ""


class Admin(Section, frozen=True):
    """Metrics, health and the admin view."""

    host: Annotated[str, Meta(description="address to listen on; not for the public")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="port; 0 picks a free one")] = 9090


class BusSettings(Section, frozen=True):
    """The store."""

    url: Annotated[
        str,
        Meta(
            description="redis://, rediss://, unix:// or redis+cluster://host:port,… of the store; empty: an embedded Valkey"
        ),
    ] = ""
    write_url: Annotated[
        str, Meta(description="where ingest and the role `aggregate` write; empty: bus.url; `none`: nowhere")
    ] = ""
    wakeup: Annotated[
        Literal["auto", "blocking", "notify", "poll"], Meta(description="how changes of streams are heard of")
    ] = "auto"
    embedded_dir: Annotated[str, Meta(description="directory of the embedded Valkey")] = ".grandstand/store"
    embedded_port: Annotated[
        int, Meta(ge=0, le=65535, description="TCP port of the embedded Valkey on 127.0.0.1; 0: Unix socket only")
    ] = 0


class ChannelSettings(Section, frozen=True):
    """What one channel may hold."""

    ring_entries: Annotated[
        int, Meta(ge=16, le=100_000, description="recent entries from which viewers can resume")
    ] = 1024
    ring_bytes: Annotated[int, Meta(ge=65_536, description="bytes of those entries")] = 2_097_152
    feed_entries: Annotated[int, Meta(ge=1, le=1000, description="recent events in a snapshot")] = 50
    max_event_bytes: Annotated[int, Meta(ge=256, le=16_777_216, description="bytes of one entry")] = 65_536
    max_depth: Annotated[int, Meta(ge=2, le=64, description="nesting of one entry")] = 16
    idle_unload_s: Annotated[
        float, Meta(ge=1, le=86_400, description="a channel without viewers is let go after this")
    ] = 60.0
    max_channels: Annotated[int, Meta(ge=1, description="channels that one worker serves at once")] = 20_000
    max_awaited: Annotated[
        int, Meta(ge=0, description="channels that do not exist yet and whose beginning a worker's viewers wait for")
    ] = 1000


class PaceSettings(Section, frozen=True):
    """How often viewers hear."""

    min_interval_ms: Annotated[
        int, Meta(ge=10, le=1000, description="shortest time between two deltas of a channel")
    ] = 50
    max_interval_ms: Annotated[int, Meta(ge=50, le=10_000, description="longest, under overload")] = 1000
    tick_s: Annotated[float, Meta(ge=1, le=60, description="silence after which a tick is sent")] = 10.0
    paused_after_s: Annotated[
        float, Meta(ge=1, le=86_400, description="a match is paused when its publisher is silent for this")
    ] = 15.0


class ViewerSettings(Section, frozen=True):
    """Limits of connections."""

    max_connections: Annotated[int, Meta(ge=1, le=1_000_000, description="connections of one worker")] = 18_000
    max_message_bytes: Annotated[int, Meta(ge=128, le=1_048_576, description="bytes of one message of a viewer")] = (
        16_384
    )
    max_frame_bytes: Annotated[
        int, Meta(ge=0, le=1_048_576, description="bytes of one frame of a viewer; 0: as many as a message may have")
    ] = 0
    max_fragments: Annotated[int, Meta(ge=1, le=1_048_576, description="frames of one message of a viewer")] = 64
    control_frames_per_s: Annotated[
        int, Meta(ge=1, le=65_534, description="pings and pongs of one viewer in a second")
    ] = 50
    messages_per_s: Annotated[
        float, Meta(ge=1, le=86_400, description="messages a second of one viewer; twice that at once")
    ] = 20.0
    bytes_per_s: Annotated[
        int,
        Meta(
            ge=1024,
            le=1_000_000_000,
            description="bytes a second of one viewer; at least twice that, or two messages, at once",
        ),
    ] = 65_536
    max_channels: Annotated[int, Meta(ge=1, le=1000, description="channels of one connection")] = 32
    send_buffer_bytes: Annotated[
        int, Meta(ge=0, description="kernel send buffer of a connection; 0: the kernel's choice")
    ] = 65_536
    head_timeout_s: Annotated[float, Meta(gt=0, le=86_400, description="time for a whole request head")] = 10.0
    opening_wait_s: Annotated[
        float,
        Meta(ge=0, le=60, description="an opening that waited longer to be accepted is answered 503; 0: never"),
    ] = 3.0
    close_timeout_s: Annotated[float, Meta(gt=0, le=86_400, description="time for the closing handshake")] = 5.0
    idle_timeout_s: Annotated[
        float, Meta(ge=0, le=86_400, description="a viewer that says nothing is closed after this; 0: never")
    ] = 0.0
    unacknowledged_s: Annotated[
        float,
        Meta(
            ge=0,
            le=86_400,
            description="a connection whose other end takes nothing for so long is ended; 0: when the kernel gives up (15 minutes)",
        ),
    ] = 120.0
    drain_s: Annotated[float, Meta(ge=0, le=600, description="time to say goodbye when a worker ends")] = 5.0


class DeflateSettings(Section, frozen=True):
    """Compression of WebSocket messages (permessage-deflate), where a viewer offers it."""

    enabled: Annotated[bool, Meta(description="agree to it")] = True
    level: Annotated[
        int, Meta(ge=1, le=9, description="of zlib: 1 is fast, 9 is small; messages over 64 KB take 1")
    ] = 6
    min_bytes: Annotated[int, Meta(ge=0, le=1_048_576, description="a shorter message is sent as it is")] = 128
    max_bytes: Annotated[
        int,
        Meta(ge=1024, le=16_777_216, description="a longer message is sent as it is: compressing it holds the worker"),
    ] = 524_288
    max_ratio: Annotated[
        int, Meta(ge=2, le=1100, description="how many times larger a viewer's message may become")
    ] = 100


class AccessSettings(Section, frozen=True):
    """Who may do what."""

    keys_file: Annotated[
        str, Meta(description="keys that tokens are checked with: a JWK set, PEM files' text, or a raw secret")
    ] = ""
    jwks_url: Annotated[str, Meta(description="address of a JWK set, read again when an unknown key id appears")] = ""
    algorithms: Annotated[list[str], Meta(description="signature algorithms taken")] = msgspec.field(
        default_factory=lambda: list(ALGORITHMS)
    )
    issuer: Annotated[str, Meta(description="required `iss`; empty: any")] = ""
    audience_claim: Annotated[str, Meta(description="required `aud`; empty: any")] = ""
    leeway_s: Annotated[float, Meta(ge=0, le=300, description="clock difference allowed for exp and nbf")] = 5.0
    anonymous: Annotated[bool, Meta(description="may anybody watch without a token")] = True
    anonymous_channels: Annotated[list[str], Meta(description="patterns of the channels they may watch")] = (
        msgspec.field(default_factory=lambda: ["match:*", "board:*", "lobby:*"])
    )
    anonymous_audience: Annotated[str, Meta(description="the audience they belong to")] = "public"
    anonymous_publish: Annotated[
        bool, Meta(description="may anybody publish, but for pages of origins that are not named; for trying out only")
    ] = False
    origins: Annotated[
        list[str], Meta(description="origins of pages that may connect beside the gateway's own; * for any")
    ] = msgspec.field(default_factory=list)


class PageSettings(Section, frozen=True):
    """The dashboard."""

    frame_ancestors: Annotated[
        list[str], Meta(description="origins of pages that may show it in a frame beside its own; * for any")
    ] = msgspec.field(default_factory=list)
    country_header: Annotated[
        str,
        Meta(
            description="request header in which the proxy in front names a viewer's country, CF-IPCountry for example"
        ),
    ] = ""
    countries: Annotated[
        list[Annotated[str, Meta(pattern="^[A-Z]{2}$")]],
        Meta(max_length=60, description="countries (ISO 3166) by which pages' reports are counted; all others are one"),
    ] = msgspec.field(default_factory=list)
    beats_per_min: Annotated[
        float,
        Meta(
            ge=1,
            le=1_000_000,
            description="reports of pages by HTTP that a worker takes of one address in a minute; as many at once",
        ),
    ] = 600.0


class AudienceSettings(Section, frozen=True):
    """One audience."""

    hidden: list[str] = msgspec.field(default_factory=list)
    delay_ms: Annotated[int, Meta(ge=0, le=3_600_000)] = 0


class IngestSettings(Section, frozen=True):
    """Events over HTTP."""

    max_bytes: Annotated[int, Meta(ge=256, le=16_777_216, description="bytes of one request")] = 1_048_576
    events_per_s: Annotated[
        float, Meta(ge=1, le=86_400, description="events a second of one publisher; twice that at once")
    ] = 2000.0


class ObserveSettings(Section, frozen=True):
    """What operators see."""

    log_format: Annotated[
        Literal["auto", "console", "json"], Meta(description="auto: console on a terminal, else JSON")
    ] = "auto"
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="least level logged")] = "info"


class AggregateSettings(Section, frozen=True):
    """The role that derives keyframes, the list of matches and boards."""

    enabled: Annotated[bool, Meta(description="run one beside the workers (where the gateway may write)")] = True
    lease_s: Annotated[
        float,
        Meta(ge=1, le=600, description="a process that is silent for this loses its share of the work to the others"),
    ] = 5.0
    trim_after_s: Annotated[
        float,
        Meta(
            ge=0,
            le=31_536_000,
            description="seconds after its last entry from which on the store keeps no more than the last entry and the "
            "keyframe of a match that has ended, once the history has all of it, and of a board's own stream; 0: never",
        ),
    ] = 900.0
    ended_kept_days: Annotated[
        int,
        Meta(
            ge=1,
            le=36_500,
            description="days after its last entry that the stream and keyframe of a match that has ended are deleted "
            "where streams are trimmed; then it is in the history alone",
        ),
    ] = 30


class BoardKindSettings(Section, frozen=True):
    """One further kind of boards."""

    field: str = ""
    path: str = ""
    begins: Annotated[datetime, Meta(tz=True)] | None = None
    ends: Annotated[datetime, Meta(tz=True)] | None = None
    metrics: list[str] = msgspec.field(default_factory=list)


class BoardSettings(Section, frozen=True):
    """Leaderboards."""

    season: Annotated[
        str,
        Meta(pattern="^[A-Za-z0-9_~-]{0,32}$", description="the season's name now (`kills.season.NAME`); empty: none"),
    ] = ""
    season_begins: Annotated[
        str,
        Meta(
            description="when it begins (RFC 3339): points stamped before it, or without a stamp, do not count for it; empty: all "
            "that is counted does. Set it with each new season: a match that is counted anew would bring the points of the last one"
        ),
    ] = ""
    kept_days: Annotated[
        int,
        Meta(
            ge=1,
            le=36_500,
            description="days after their last change that boards of matches, days, weeks and values are kept",
        ),
    ] = 90
    max_per_entry: Annotated[
        int, Meta(ge=1, le=1000, description="metrics of one entry; one with more becomes a dead letter")
    ] = 32
    kinds: Annotated[
        dict[str, BoardKindSettings],
        Meta(
            description='further kinds of boards by name, up to 16: `{region = {path = "/region"}}` makes `kills.region.eu` of the '
            'match\'s document, `path = "/players/*/hero"` of the member\'s row in it, `field = "weapon"` of the event that '
            "scores; `begins` and `ends` (RFC 3339) keep to a window, `metrics` to some metrics"
        ),
    ] = msgspec.field(default_factory=dict)
    max_further_per_entry: Annotated[
        int,
        Meta(ge=1, le=10_000, description="boards of further kinds of one entry; one with more becomes a dead letter"),
    ] = 128
    letters_kept: Annotated[int, Meta(ge=10, le=1_000_000, description="dead letters that the store keeps")] = 10_000
    stale_s: Annotated[
        float, Meta(ge=1, le=3600, description="a board is incomplete when a stream was not confirmed for this")
    ] = 10.0
    channels: Annotated[bool, Meta(description="publish boards as channels, at most once a second each")] = True


class KeyframeSettings(Section, frozen=True):
    """Keyframes, which the role `aggregate` writes."""

    every_entries: Annotated[int, Meta(ge=1, description="entries of a channel after which a keyframe is written")] = (
        200
    )
    every_s: Annotated[
        float, Meta(ge=0.5, le=86_400, description="seconds after which one is written if anything has changed")
    ] = 10.0


class HistorySettings(Section, frozen=True):
    """What is kept beyond the streams."""

    url: Annotated[
        str, Meta(description="postgresql:// of the database; empty: an embedded Postgres; `none`: no history")
    ] = ""
    embedded_dir: Annotated[str, Meta(description="directory of the embedded Postgres")] = ".grandstand/history"
    keep_days: Annotated[
        int, Meta(ge=1, le=36_500, description="days that entries are kept; results and totals stay")
    ] = 30
    flush_ms: Annotated[
        int, Meta(ge=10, le=60_000, description="how long what is to be stored waits for more at most")
    ] = 200
    backlog_entries: Annotated[
        int, Meta(ge=100, le=1_000_000, description="entries that wait in memory at most; the rest waits in the stream")
    ] = 20_000
    stats_every_s: Annotated[
        float, Meta(ge=1, le=86_400, description="seconds between two refreshes of players' stats")
    ] = 30.0
    connections: Annotated[int, Meta(ge=1, le=100, description="database connections of one worker")] = 4
    read_timeout_s: Annotated[float, Meta(gt=0, le=600, description="time for one read")] = 5.0


class TestingSettings(Section, frozen=True):
    """For test suites only, never in production."""

    conformance_echo: Annotated[
        bool,
        Meta(description="allow `serve --conformance-echo`, which sends every message back and serves nothing else"),
    ] = False


class RewindSettings(Section, frozen=True):
    """Viewers that see the past of a live match."""

    max_viewers: Annotated[int, Meta(ge=0, le=10_000, description="of one worker at once")] = 100


class PresenceSettings(Section, frozen=True):
    """How many watch a match, over all workers and machines."""

    every_s: Annotated[
        float, Meta(ge=0, le=3600, description="seconds between two counts; 0: viewers are not counted")
    ] = 5.0


class Settings(Section, frozen=True):
    """All settings."""

    listen: Listen = Listen()
    admin: Admin = Admin()
    bus: BusSettings = BusSettings()
    channel: ChannelSettings = ChannelSettings()
    pace: PaceSettings = PaceSettings()
    viewers: ViewerSettings = ViewerSettings()
    deflate: DeflateSettings = DeflateSettings()
    access: AccessSettings = AccessSettings()
    page: PageSettings = PageSettings()
    ingest: IngestSettings = IngestSettings()
    observe: ObserveSettings = ObserveSettings()
    aggregate: AggregateSettings = AggregateSettings()
    boards: BoardSettings = BoardSettings()
    keyframes: KeyframeSettings = KeyframeSettings()
    history: HistorySettings = HistorySettings()
    testing: TestingSettings = TestingSettings()
    rewind: RewindSettings = RewindSettings()
    presence: PresenceSettings = PresenceSettings()
    audiences: Annotated[
        dict[str, AudienceSettings],
        Meta(description='audiences by name: {hidden = ["/players/*/pos"], delay_ms = 0}; `public` always exists'),
    ] = msgspec.field(default_factory=dict)
    runtime_dir: Annotated[str, Meta(description="directory of the workers' sockets; empty: a temporary one")] = ""
