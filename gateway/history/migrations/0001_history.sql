-- What was published. A channel's epochs, and the entries of each; entries are partitioned by the day they were stored.

CREATE TABLE channels (
    id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text NOT NULL UNIQUE,
    kind    text NOT NULL
);

-- One row an epoch. `last_seq` is the writer's position: it moves in the transaction that stores the entries up to it.
-- An epoch whose entries the store has replaced by others from the first on (another store, an emptied one) is superseded.
CREATE TABLE epochs (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_id   integer NOT NULL REFERENCES channels,
    epoch        bigint NOT NULL,
    run          integer NOT NULL,
    superseded   boolean NOT NULL DEFAULT false,
    last_seq     bigint NOT NULL,
    digest       bigint NOT NULL,
    entry_digest bigint NOT NULL,
    last_at_ms   bigint NOT NULL,
    events       bigint NOT NULL DEFAULT 0,
    gaps         integer NOT NULL DEFAULT 0,
    first_day    date NOT NULL,
    last_day     date NOT NULL
);
CREATE UNIQUE INDEX epochs_current ON epochs (channel_id, epoch) WHERE NOT superseded;
CREATE INDEX epochs_run ON epochs (channel_id, run);

-- `at_ms`: when the entry counts as arrived, never less than that of the entry before. `events`: those that viewers may see.
CREATE TABLE entries (
    epoch_id integer NOT NULL,
    seq      bigint NOT NULL,
    day      date NOT NULL,
    t_ms     bigint,
    at_ms    bigint NOT NULL,
    digest   bigint NOT NULL,
    events   smallint NOT NULL,
    raw      bytea NOT NULL,
    PRIMARY KEY (epoch_id, seq, day)
) PARTITION BY RANGE (day);
CREATE INDEX entries_shown ON entries (epoch_id, seq) WHERE events > 0;
CREATE INDEX entries_time ON entries (epoch_id, at_ms, seq);

-- What an entry scored, by metric and member, from the event or from the match's rules.
CREATE TABLE points (
    epoch_id integer NOT NULL,
    seq      bigint NOT NULL,
    day      date NOT NULL,
    metric   text NOT NULL,
    member   text NOT NULL,
    points   bigint NOT NULL,
    t_ms     bigint,
    PRIMARY KEY (epoch_id, seq, metric, member, day)
) PARTITION BY RANGE (day);

-- The document after an entry, so that a reader need not fold an epoch from its beginning.
CREATE TABLE keyframes (
    epoch_id integer NOT NULL,
    seq      bigint NOT NULL,
    day      date NOT NULL,
    frame    bytea NOT NULL,
    PRIMARY KEY (epoch_id, seq, day)
) PARTITION BY RANGE (day);

-- A match is played once, or again after it has ended: each time is a run. These rows outlive the entries.
CREATE TABLE matches (
    channel_id integer NOT NULL REFERENCES channels,
    run        integer NOT NULL,
    match      text NOT NULL,
    title      text,
    game       text,
    status     text NOT NULL,
    winner     text,
    teams      json,
    clock      json,
    started_ms bigint NOT NULL,
    ended_ms   bigint,
    updated_ms bigint NOT NULL,
    events     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (channel_id, run)
);
CREATE INDEX matches_by_status ON matches (status, updated_ms DESC, channel_id DESC, run DESC);
CREATE INDEX matches_by_time ON matches (updated_ms DESC, channel_id DESC, run DESC);

CREATE TABLE match_players (
    channel_id integer NOT NULL,
    run        integer NOT NULL,
    player     text NOT NULL,
    name       text,
    team       text,
    PRIMARY KEY (channel_id, run, player),
    FOREIGN KEY (channel_id, run) REFERENCES matches
);
CREATE INDEX match_players_by_player ON match_players (player);

CREATE TABLE match_totals (
    channel_id integer NOT NULL,
    run        integer NOT NULL,
    player     text NOT NULL,
    metric     text NOT NULL,
    total      numeric NOT NULL,
    PRIMARY KEY (channel_id, run, player, metric),
    FOREIGN KEY (channel_id, run) REFERENCES matches
);

CREATE TABLE match_duels (
    channel_id integer NOT NULL,
    run        integer NOT NULL,
    killer     text NOT NULL,
    victim     text NOT NULL,
    kills      bigint NOT NULL,
    PRIMARY KEY (channel_id, run, killer, victim),
    FOREIGN KEY (channel_id, run) REFERENCES matches
);
