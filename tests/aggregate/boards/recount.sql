-- Every board from the history alone, one text a board: rank, member, points and the stamp at which they were reached, a line each.
-- $1: now, unix ms; $2: days that boards of windows are kept; $3: the season; $4: when the cup ends, unix ms.
WITH last_void AS (
    SELECT DISTINCT ON (e.channel_id) e.channel_id, e.epoch, v.seq
    FROM voids v JOIN epochs e ON e.id = v.epoch_id
    WHERE NOT e.superseded
    ORDER BY e.channel_id, e.epoch DESC, v.seq DESC
), dead AS (
    -- What no board takes: one bad increment is enough to refuse its entry.
    SELECT DISTINCT epoch_id, seq FROM points WHERE abs(points) > 1000000000
), counted AS (
    SELECT c.name, p.metric, p.member, p.points, coalesce(p.t_ms, 0) AS t_ms
    FROM points p
    JOIN epochs e ON e.id = p.epoch_id
    JOIN channels c ON c.id = e.channel_id
    LEFT JOIN last_void v ON v.channel_id = c.id
    WHERE NOT e.superseded
        AND (v.epoch IS NULL OR (e.epoch, p.seq) > (v.epoch, v.seq))
        AND NOT EXISTS (SELECT FROM dead d WHERE d.epoch_id = p.epoch_id AND d.seq = p.seq)
), simulated AS (
    -- The events of simulated matches one by one, as their weapons are told apart.
    SELECT e.channel_id, e.epoch, n.epoch_id, n.seq, n.t_ms, event
    FROM entries n
    JOIN epochs e ON e.id = n.epoch_id
    JOIN channels c ON c.id = e.channel_id
    CROSS JOIN LATERAL (SELECT convert_from(n.raw, 'UTF8')::jsonb AS raw) AS decoded
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE jsonb_typeof(decoded.raw) WHEN 'array' THEN decoded.raw ELSE jsonb_build_array(decoded.raw) END) AS event
    WHERE c.name LIKE 'match:sim%' AND NOT e.superseded
), armed AS (
    SELECT 'score.weapon.' || (event ->> 'weapon') AS board, member, points::bigint, coalesce(t_ms, 0) AS t_ms
    FROM simulated s
    CROSS JOIN LATERAL jsonb_each_text(event -> 'points' -> 'score') AS increment (member, points)
    LEFT JOIN last_void v USING (channel_id)
    WHERE event ->> 'weapon' IS NOT NULL
        AND (v.epoch IS NULL OR (s.epoch, s.seq) > (v.epoch, v.seq))
        AND NOT EXISTS (SELECT FROM dead d WHERE d.epoch_id = s.epoch_id AND d.seq = s.seq)
), scoped AS (
    SELECT * FROM armed
    UNION ALL
    SELECT metric || '.' || scope AS board, member, points, t_ms
    FROM counted
    CROSS JOIN LATERAL (VALUES
        ('all'),
        ('season.' || $3::text),
        ('match.' || substr(name, 7)),
        (CASE WHEN name LIKE 'match:sim%' THEN 'region.r' || substr(name, 10)::integer % 3 END),
        (CASE WHEN name LIKE 'match:sim%' AND metric = 'kills'
            THEN 'role.' || (ARRAY['scout', 'medic'])[substr(member, 2)::integer % 2 + 1] END),
        (CASE WHEN t_ms >= 1577836800000 AND t_ms < $4::bigint THEN 'cup' END),
        (CASE WHEN t_ms > $1::bigint - $2::bigint * 86400000 AND t_ms < $1::bigint + 86400000
            THEN to_char(to_timestamp(t_ms / 1000) AT TIME ZONE 'UTC', '"day."YYYY-MM-DD') END),
        (CASE WHEN t_ms > $1::bigint - $2::bigint * 86400000 AND t_ms < $1::bigint + 86400000
            THEN to_char(to_timestamp(t_ms / 1000) AT TIME ZONE 'UTC', '"week."IYYY-"W"IW') END)
    ) AS scopes (scope)
    WHERE scope IS NOT NULL
), scores AS (
    SELECT board, member, sum(points) AS points, coalesce(max(t_ms) FILTER (WHERE points <> 0), 0) AS reached_ms
    FROM scoped
    GROUP BY board, member
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY board ORDER BY points DESC, reached_ms, member COLLATE "C") AS rank
    FROM scores
)
SELECT
    board,
    string_agg(format(E'%s\t%s\t%s\t%s\n', rank, member, points, reached_ms), '' ORDER BY rank) AS reached,
    string_agg(format(E'%s\t%s\t%s\n', rank, member, points), '' ORDER BY rank) AS rows
FROM ranked
GROUP BY board
