-- Players over all their matches: refreshed now and then without blocking readers, which needs a unique index each.

CREATE MATERIALIZED VIEW player_matches AS
    SELECT DISTINCT ON (p.player)
        p.player,
        first_value(p.name) OVER (PARTITION BY p.player ORDER BY m.updated_ms DESC) AS name,
        count(*) OVER (PARTITION BY p.player) AS matches
    FROM match_players p
    JOIN matches m USING (channel_id, run)
    ORDER BY p.player;
CREATE UNIQUE INDEX player_matches_key ON player_matches (player);

CREATE MATERIALIZED VIEW player_totals AS
    SELECT player, metric, sum(total) AS total
    FROM match_totals
    GROUP BY player, metric;
CREATE UNIQUE INDEX player_totals_key ON player_totals (player, metric);

CREATE MATERIALIZED VIEW player_duels AS
    SELECT player, opponent, sum(kills) AS kills, sum(deaths) AS deaths
    FROM (
        SELECT killer AS player, victim AS opponent, kills, 0 AS deaths FROM match_duels
        UNION ALL
        SELECT victim, killer, 0, kills FROM match_duels
    ) AS both_sides
    GROUP BY player, opponent;
CREATE UNIQUE INDEX player_duels_key ON player_duels (player, opponent);

-- When the views were refreshed, one row.
CREATE TABLE stats_refreshed (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    as_of_ms bigint NOT NULL
);
INSERT INTO stats_refreshed (as_of_ms) VALUES (0);

-- For who may not see what the views hold yet: the same figures from matches that are old enough.
CREATE INDEX match_totals_by_player ON match_totals (player);
CREATE INDEX match_duels_by_killer ON match_duels (killer);
CREATE INDEX match_duels_by_victim ON match_duels (victim);
