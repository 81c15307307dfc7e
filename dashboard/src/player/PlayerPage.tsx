/** One player: figures over all matches, form, last matches and opponents. */
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { setMe, useMe } from "../board/me.js";
import { get, Problem } from "../shell/api.js";
import { Failed } from "../shell/Boundary.js";
import { useFormat } from "../shell/language.js";
import { Panel, Skeleton } from "../shell/Panel.js";
import { useProblemText } from "../shell/problems.js";
import { Link, type Params } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import styles from "./player.module.css";
import { figuresOf, metricsOf, type PlayerStats } from "./stats.js";
import { resultOf, usePlayerWords } from "./words.js";

const REFRESH_MS = 10_000;

export function PlayerPage({ params }: { params: Params }) {
  const id = params.id ?? "";
  const words = usePlayerWords();
  const problem = useProblemText();
  const { data, error, refetch } = useQuery({
    queryKey: ["player", id],
    queryFn: ({ signal }) => get<PlayerStats>(`/v1/players/${encodeURIComponent(id)}/stats`, signal),
    refetchInterval: REFRESH_MS,
  });
  const name = data?.name ?? id;
  useEffect(() => {
    document.title = `${name} · Grandstand`;
  }, [name]);
  if (error && !data)
    return (
      <>
        <div className={shell.heading}>
          <h1>{id}</h1>
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
        <h1 className={styles.name}>{name}</h1>
        {data ? <Streak stats={data} /> : null}
        {data ? <Aside stats={data} id={id} stale={error !== null} /> : null}
      </div>
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

function Aside({ stats, id, stale }: { stats: PlayerStats; id: string; stale: boolean }) {
  const words = usePlayerWords();
  const format = useFormat();
  const me = useMe() === id;
  return (
    <span className={styles.aside}>
      <span className={styles.stamp} data-stale={stale || stats.age_ms > 60_000}>
        {stats.age_ms < 5_000 ? words.fresh : words.asOf(format.relative(stats.as_of_ms - stats.age_ms, stats.as_of_ms))}
      </span>
      <button type="button" className={shell.button} aria-pressed={me} onClick={() => setMe(me ? null : id)}>
        {words.me}
      </button>
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
        <div className={shell.scroll} tabIndex={0} role="group" aria-label={words.recent}>
          <table className={shell.table} data-testid="recent">
            <thead>
              <tr>
                <th scope="col">{words.match}</th>
                <th scope="col">{words.result}</th>
                {metrics.map((metric) => (
                  <th scope="col" key={metric}>{words.metric(metric)}</th>
                ))}
                <th scope="col">{words.when}</th>
              </tr>
            </thead>
            <tbody>
              {stats.recent.map((match) => (
                <tr key={match.match}>
                  <th scope="row" className={styles.match}>
                    <Link to={`/match/${encodeURIComponent(match.match)}`}>{match.title ?? match.match}</Link>
                  </th>
                  <td>
                    {match.result === null ? "–" : <span className={styles.result} data-result={match.result}>{resultOf(match.result, words).word}</span>}
                  </td>
                  {metrics.map((metric) => (
                    <td key={metric}>{match.totals[metric] === undefined ? "–" : format.number(match.totals[metric])}</td>
                  ))}
                  <td>{match.ended_ms === null ? words.running : format.relative(match.ended_ms, stats.as_of_ms)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Opponents({ stats }: { stats: PlayerStats }) {
  const words = usePlayerWords();
  const format = useFormat();
  return (
    <Panel title={words.headToHead}>
      {stats.head_to_head.length === 0 ? (
        <p className={shell.notice}>{words.noOpponents}</p>
      ) : (
        <div className={`${shell.scroll} ${styles.opponents}`} tabIndex={0} role="group" aria-label={words.headToHead}>
          <table className={shell.table} data-testid="opponents">
            <thead>
              <tr>
                <th scope="col">{words.opponent}</th>
                <th scope="col">{words.kills}</th>
                <th scope="col">{words.deaths}</th>
                <th scope="col"><span className="visually-hidden">{words.balance}</span></th>
              </tr>
            </thead>
            <tbody>
              {stats.head_to_head.map((row) => (
                <tr key={row.opponent}>
                  <th scope="row" className={styles.match}>
                    <Link to={`/player/${encodeURIComponent(row.opponent)}`}>{row.name ?? row.opponent}</Link>
                  </th>
                  <td>{format.number(row.kills)}</td>
                  <td>{format.number(row.deaths)}</td>
                  <td className={styles.balanceCell}>
                    <meter className={styles.balance} min={0} max={Math.max(1, row.kills + row.deaths)} value={row.kills} aria-label={`${words.balance}: ${row.name ?? row.opponent}`} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
