/** One player: figures over all matches, form, last matches and opponents. */
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { setMe, useMe } from "../board/me.js";
import { get, Problem } from "../shell/api.js";
import { Failed } from "../shell/Boundary.js";
import { useFormat } from "../shell/language.js";
import { Panel, Skeleton } from "../shell/Panel.js";
import { PauseButton } from "../shell/PauseButton.js";
import { usePreference } from "../shell/preferences.js";
import { useProblemText } from "../shell/problems.js";
import { Link, type Params } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import { Table, type Column } from "../shell/Table.js";
import { useTitle } from "../shell/title.js";
import styles from "./player.module.css";
import { figuresOf, metricsOf, type PlayerStats } from "./stats.js";
import { resultOf, usePlayerWords } from "./words.js";

const REFRESH_MS = 10_000;

export function PlayerPage({ params }: { params: Params }) {
  const id = params.id ?? "";
  const words = usePlayerWords();
  const problem = useProblemText();
  const [paused, setPaused] = useState(false);
  const { data, error, refetch } = useQuery({
    queryKey: ["player", id],
    queryFn: ({ signal }) => get<PlayerStats>(`/v1/players/${encodeURIComponent(id)}/stats`, signal),
    refetchInterval: paused ? false : REFRESH_MS,
  });
  const name = data?.name ?? id;
  useTitle(data || error ? name : null);
  if (error && !data)
    return (
      <>
        <div className={shell.heading}>
          <h1><bdi>{id}</bdi></h1>
        </div>
        {error instanceof Problem && error.status === 404 ? (
          <p className={shell.notice} data-testid="missing">
            {words.missing} <Link to="/boards">{words.boards}</Link>
          </p>
        ) : (
          <Failed again={() => void refetch()} text={problem(error)} />
        )}
      </>
    );
  return (
    <article className={styles.player} aria-busy={data === undefined}>
      <div className={shell.heading}>
        <h1 className={styles.name}><bdi>{name}</bdi></h1>
        {data ? <Streak stats={data} /> : null}
        {data ? <Aside stats={data} id={id} stands={paused || error !== null} pause={<PauseButton of={name} paused={paused} onChange={setPaused} />} /> : null}
      </div>
      {data && error ? (
        <p className={shell.warning} role="status" data-testid="stale">
          {words.stale}
        </p>
      ) : null}
      {data === undefined ? (
        <Skeleton rem={36} />
      ) : (
        <>
          <Figures stats={data} />
          <div className={styles.columns}>
            <Recent stats={data} />
            <Opponents stats={data} />
          </div>
        </>
      )}
    </article>
  );
}

function Streak({ stats: { streak } }: { stats: PlayerStats }) {
  const words = usePlayerWords();
  const format = useFormat();
  if (streak === null || streak.length < 2) return null;
  return (
    <span className={styles.streak} data-result={streak.kind}>
      {words.streak(format.number(streak.length), resultOf(streak.kind, words).word)}
    </span>
  );
}

/** @param stands no newer figures are asked for, or to be had: their age grows, so their time is told. */
function Aside({ stats, id, stands, pause }: { stats: PlayerStats; id: string; stands: boolean; pause: ReactNode }) {
  const words = usePlayerWords();
  const language = usePreference("language");
  const format = useFormat();
  const me = useMe() === id;
  const countedMs = stats.as_of_ms - stats.age_ms;
  return (
    <span className={styles.aside}>
      <span className={styles.stamp} data-testid="stamp" data-stale={stands || stats.age_ms > 60_000}>
        {stands ? words.asOf(new Date(countedMs).toLocaleTimeString(language)) : stats.age_ms < 5_000 ? words.fresh : words.asOf(format.relative(countedMs, stats.as_of_ms))}
      </span>
      <button type="button" className={shell.button} aria-pressed={me} onClick={() => setMe(me ? null : id)}>
        {words.me}
      </button>
      {pause}
    </span>
  );
}

function Figures({ stats }: { stats: PlayerStats }) {
  const words = usePlayerWords();
  const format = useFormat();
  return (
    <dl className={styles.figures} data-testid="figures">
      <div>
        <dt>{words.matches}</dt>
        <dd>{format.number(stats.matches)}</dd>
      </div>
      {figuresOf(stats).map(({ metric, total, rate }) => (
        <div key={metric}>
          <dt>{words.metric(metric)}</dt>
          <dd>{format.compact(total)}</dd>
          {rate === null ? null : <dd className={styles.rate}>{words.perMatch(format.decimal(rate, 1))}</dd>}
        </div>
      ))}
    </dl>
  );
}

function Recent({ stats }: { stats: PlayerStats }) {
  const words = usePlayerWords();
  const format = useFormat();
  const metrics = metricsOf(stats.recent, 4);
  const columns: Column<PlayerStats["recent"][number]>[] = [
    { key: "match", head: words.match, cell: ({ match, title }) => <Link to={`/match/${encodeURIComponent(match)}`}><bdi>{title ?? match}</bdi></Link>, className: styles.match },
    { key: "result", head: words.result, cell: ({ result }) => (result === null ? "–" : <span className={styles.result} data-result={result}>{resultOf(result, words).word}</span>) },
    ...metrics.map((metric) => ({
      key: metric,
      head: words.metric(metric),
      cell: ({ totals }: PlayerStats["recent"][number]) => (totals[metric] === undefined ? "–" : format.number(totals[metric])),
    })),
    { key: "when", head: words.when, cell: ({ ended_ms }) => (ended_ms === null ? words.running : format.relative(ended_ms, stats.as_of_ms)) },
  ];
  const played = stats.recent.filter((match) => match.result !== null).slice(0, 10);
  return (
    <Panel
      title={words.recent}
      aside={
        played.length === 0 ? null : <ol className={styles.form} aria-label={words.form}>
          {played.map((match) => (
            <li key={match.match} data-result={match.result}>
              <span aria-hidden="true">{resultOf(match.result, words).letter}</span>
              <span className="visually-hidden">{resultOf(match.result, words).word}</span>
            </li>
          ))}
        </ol>
      }
    >
      {stats.recent.length === 0 ? (
        <p className={shell.notice}>{words.noMatches}</p>
      ) : (
        <Table label={words.recent} columns={columns} rows={stats.recent} keyOf={({ match }) => match} testId="recent" />
      )}
    </Panel>
  );
}

function Opponents({ stats }: { stats: PlayerStats }) {
  const words = usePlayerWords();
  const format = useFormat();
  const columns: Column<PlayerStats["head_to_head"][number]>[] = [
    { key: "opponent", head: words.opponent, cell: ({ opponent, name }) => <Link to={`/player/${encodeURIComponent(opponent)}`}><bdi>{name ?? opponent}</bdi></Link>, className: styles.match },
    { key: "kills", head: words.kills, cell: ({ kills }) => format.number(kills) },
    { key: "deaths", head: words.deaths, cell: ({ deaths }) => format.number(deaths) },
    {
      key: "balance",
      head: <span className="visually-hidden">{words.balance}</span>,
      cell: ({ kills, deaths, name, opponent }) => <meter className={styles.balance} min={0} max={Math.max(1, kills + deaths)} value={kills} aria-label={`${words.balance}: ${name ?? opponent}`} />,
      className: styles.balanceCell,
    },
  ];
  return (
    <Panel title={words.headToHead}>
      {stats.head_to_head.length === 0 ? (
        <p className={shell.notice}>{words.noOpponents}</p>
      ) : (
        <Table label={words.headToHead} columns={columns} rows={stats.head_to_head} keyOf={({ opponent }) => opponent} box={styles.opponents} testId="opponents" />
      )}
    </Panel>
  );
}
