/** Workers, channels, dead letters, refusals and viewers' pages. */
import { useMemo, useState } from "react";
import { useFormat } from "../shell/language.js";
import { Panel } from "../shell/Panel.js";
import { Link } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import styles from "./operator.module.css";
import { bytesText, sorted, type ChannelRow, type Letter, type Order, type Overview, type PageRow, type WorkerRow } from "./overview.js";
import { useWords } from "./words.js";

export const channelAddress = (channel: string): string => `/operator?channel=${encodeURIComponent(channel)}`;

export function Workers({ rows }: { rows: WorkerRow[] }) {
  const words = useWords();
  const format = useFormat();
  const ms = (value: number | null): string => (value === null ? "–" : format.decimal(value, 1));
  return (
    <Panel title={words.workers}>
      <div className={shell.scroll} tabIndex={0} role="group" aria-label={words.workers}>
        <table className={shell.table}>
          <thead>
            <tr>
              <th scope="col">{words.worker}</th>
              <th scope="col">WebSocket</th>
              <th scope="col">SSE</th>
              <th scope="col">HTTP</th>
              <th scope="col">{words.siblings}</th>
              <th scope="col">{words.behind}</th>
              <th scope="col">{words.channels}</th>
              <th scope="col">{words.memory}</th>
              <th scope="col">{words.loop}</th>
              <th scope="col">{words.store}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.index}>
                <th scope="row">
                  {row.index} <small className={styles.quiet}>{`${words.process} ${row.pid}`}</small>
                </th>
                <td>{format.number(row.ws)}</td>
                <td>{format.number(row.sse)}</td>
                <td>{format.number(row.http)}</td>
                <td>{format.number(row.siblings)}</td>
                <td data-bad={row.behind > 0}>{format.number(row.behind)}</td>
                <td>{format.number(row.channels)}</td>
                <td>{bytesText(row.memory_bytes, format.decimal)}</td>
                <td data-bad={(row.loop_lag_ms.p99 ?? 0) > 100}>{`${ms(row.loop_lag_ms.p50)} / ${ms(row.loop_lag_ms.p99)} ms`}</td>
                <td data-bad={!row.store_connected}>{row.store_connected ? words.connected : words.lost}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

const COLUMNS: (keyof ChannelRow)[] = ["channel", "status", "viewers", "behind", "entries_per_s", "behind_ms", "interval_ms", "memory_bytes", "errors"];

export function Channels({ rows, total }: { rows: ChannelRow[]; total: number }) {
  const words = useWords();
  const format = useFormat();
  const [order, setOrder] = useState<Order>({ by: "viewers", down: true });
  const [filter, setFilter] = useState("");
  const names: Partial<Record<keyof ChannelRow, string>> = {
    channel: words.channel, status: words.status, viewers: words.viewers, behind: words.behind, entries_per_s: words.rate,
    behind_ms: words.behindMs, interval_ms: words.pace, memory_bytes: words.memory, errors: words.errors,
  };
  const shown = useMemo(
    () => sorted(rows.filter((row) => row.channel.toLowerCase().includes(filter.trim().toLowerCase())), order),
    [rows, filter, order],
  );
  const number = (value: number | null | undefined, digits = 0): string => (value == null ? "–" : digits ? format.decimal(value, digits) : format.number(value));
  return (
    <Panel
      title={words.channels}
      aside={
        <span className={styles.tools}>
          <span className={styles.quiet}>{words.shown(format.number(shown.length), format.number(total))}</span>
          <input type="search" className={styles.input} aria-label={words.filter} placeholder={words.filter} value={filter} onChange={(event) => setFilter(event.target.value)} />
        </span>
      }
    >
      <div className={`${shell.scroll} ${styles.tall}`} tabIndex={0} role="group" aria-label={words.channels}>
        <table className={`${shell.table} ${styles.channels}`}>
          <thead>
            <tr>
              {COLUMNS.map((column) => {
                const chosen = order.by === column;
                return (
                  <th key={column} scope="col" aria-sort={chosen ? (order.down ? "descending" : "ascending") : "none"}>
                    <button type="button" className={styles.sort} onClick={() => setOrder({ by: column, down: chosen ? !order.down : column !== "channel" && column !== "status" })}>
                      {names[column]}
                      <span aria-hidden="true">{chosen ? (order.down ? " ↓" : " ↑") : ""}</span>
                    </button>
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={row.channel}>
                <th scope="row">
                  <Link to={channelAddress(row.channel)}>{row.channel}</Link>
                </th>
                <td>
                  <span className={styles.word} data-status={row.status}>{row.status ?? "–"}</span>
                </td>
                <td>{number(row.viewers)}</td>
                <td data-bad={row.behind > 0}>{number(row.behind)}</td>
                <td>{number(row.entries_per_s, 1)}</td>
                <td data-bad={(row.behind_ms ?? 0) > 2000}>{row.behind_ms == null ? "–" : `${number(row.behind_ms)} ms`}</td>
                <td data-bad={row.stretched}>{row.interval_ms == null ? "–" : `${number(row.interval_ms)} ms`}</td>
                <td>{row.memory_bytes == null ? "–" : bytesText(row.memory_bytes, format.decimal)}</td>
                <td data-bad={(row.errors ?? 0) > 0}>{number(row.errors)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {shown.length === 0 ? <p className={shell.notice}>{rows.length ? words.noMatch : words.noChannels}</p> : null}
      </div>
    </Panel>
  );
}

export function Letters({ letters, totals }: { letters: Letter[]; totals: Record<string, number> }) {
  const words = useWords();
  return (
    <Panel title={words.letters}>
      <p className={styles.quiet}>{words.lettersHow}</p>
      <Counts counts={totals} name={words.reason} />
      {letters.length > 0 ? (
        <div className={`${shell.scroll} ${styles.short}`} tabIndex={0} role="group" aria-label={words.letters}>
          <table className={shell.table}>
            <thead>
              <tr>
                <th scope="col">{words.channel}</th>
                <th scope="col">{words.position}</th>
                <th scope="col">{words.reason}</th>
              </tr>
            </thead>
            <tbody>
              {[...letters].reverse().map((letter, at) => (
                <tr key={`${letter.channel} ${letter.position ?? at}`}>
                  <th scope="row">
                    <Link to={channelAddress(letter.channel)}>{letter.channel}</Link>
                  </th>
                  <td>{letter.position ?? "–"}</td>
                  <td>{letter.reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </Panel>
  );
}

/** Totals by code or reason, the greatest first. */
export function Counts({ counts, name }: { counts: Record<string, number>; name: string }) {
  const words = useWords();
  const format = useFormat();
  const rows = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort((a, b) => b[1] - a[1]);
  if (rows.length === 0) return <p className={styles.quiet}>{words.none}</p>;
  return (
    <table className={shell.table}>
      <thead>
        <tr>
          <th scope="col">{name}</th>
          <th scope="col">{words.count}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([code, count]) => (
          <tr key={code}>
            <th scope="row">{code}</th>
            <td>{format.number(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Store({ store }: { store: Overview["store"] }) {
  const words = useWords();
  const format = useFormat();
  const rows: [string, string][] = [
    [words.status, store.connected ? words.connected : words.lost],
    [words.wakeup, store.wakeup],
    [words.reconnects, format.number(store.reconnects)],
    [words.keyframes, format.number(store.keyframes)],
    [words.histories, format.number(store.histories_started_over)],
    [words.gaps, format.number(store.gaps)],
  ];
  return (
    <Panel title={words.store}>
      <dl className={styles.facts}>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p className={styles.quiet}>{store.wakeup_reason}</p>
    </Panel>
  );
}

export function Aggregate({ state, uncounted }: { state: Overview["aggregate"]; uncounted: Record<string, number> }) {
  const words = useWords();
  const format = useFormat();
  const facts: [string, number, boolean][] = [
    [words.partitions, state.partitions, false],
    [words.recounts, state.recounts, false],
    [words.broken, state.boards_broken, true],
    [words.historyFailures, state.history_failures, true],
  ];
  return (
    <Panel title={words.aggregate}>
      <dl className={styles.facts}>
        {facts.map(([name, value, bad]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd data-bad={bad && value > 0}>{format.number(value)}</dd>
          </div>
        ))}
      </dl>
      <table className={shell.table} data-testid="sinks">
        <thead>
          <tr>
            <th scope="col">{words.sink}</th>
            <th scope="col">{words.rate}</th>
            <th scope="col">{words.backlog}</th>
          </tr>
        </thead>
        <tbody>
          {state.sinks.map((sink) => (
            <tr key={sink.sink}>
              <th scope="row">{sink.sink}</th>
              <td>{sink.entries_per_s === null ? "–" : format.decimal(sink.entries_per_s, 1)}</td>
              <td>{format.number(sink.backlog)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {Object.keys(uncounted).length ? (
        <>
          <h3 className={styles.sub}>{words.uncounted}</h3>
          <Counts counts={uncounted} name={words.reason} />
        </>
      ) : null}
    </Panel>
  );
}

export function Pages({ rows }: { rows: PageRow[] }) {
  const words = useWords();
  const format = useFormat();
  const ms = (value: number | null): string => (value === null ? "–" : format.number(Math.round(value)));
  return (
    <Panel title={words.pages}>
      {rows.length === 0 ? (
        <p className={styles.quiet}>{words.none}</p>
      ) : (
        <div className={shell.scroll} tabIndex={0} role="group" aria-label={words.pages}>
          <table className={shell.table}>
            <thead>
              <tr>
                <th scope="col">{words.browser}</th>
                <th scope="col">{words.beats}</th>
                <th scope="col">{words.fps}</th>
                <th scope="col">{words.dropped}</th>
                <th scope="col">{words.pixel}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.browser}>
                  <th scope="row">{row.browser}</th>
                  <td>{format.number(row.beats)}</td>
                  <td>{row.fps_p50 === null ? "–" : format.decimal(row.fps_p50, 1)}</td>
                  <td>{format.number(row.dropped_frames)}</td>
                  <td>{`${ms(row.tick_to_pixel_ms.p50)} / ${ms(row.tick_to_pixel_ms.p95)} ms`}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
