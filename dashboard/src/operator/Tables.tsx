/** Workers, channels, dead letters, refusals and viewers' pages. */
import { useMemo, useState } from "react";
import { useFormat } from "../shell/language.js";
import { Panel } from "../shell/Panel.js";
import { Link } from "../shell/router.js";
import { Table, type Column } from "../shell/Table.js";
import shell from "../shell/shell.module.css";
import { Facts } from "./Facts.js";
import styles from "./operator.module.css";
import { bytesText, sorted, type ChannelRow, type Letter, type Order, type Overview, type PageRow, type WorkerRow } from "./overview.js";
import { useWords } from "./words.js";

export const channelAddress = (channel: string): string => `/operator?channel=${encodeURIComponent(channel)}`;

export function Workers({ rows }: { rows: WorkerRow[] }) {
  const words = useWords();
  const format = useFormat();
  const ms = (value: number | null): string => (value === null ? "–" : format.decimal(value, 1));
  const columns: Column<WorkerRow>[] = [
    { key: "worker", head: words.worker, cell: ({ index, pid }) => <>{index} <small className={styles.quiet}>{`${words.process} ${pid}`}</small></> },
    { key: "ws", head: "WebSocket", cell: ({ ws }) => format.number(ws) },
    { key: "sse", head: "SSE", cell: ({ sse }) => format.number(sse) },
    { key: "http", head: "HTTP", cell: ({ http }) => format.number(http) },
    { key: "siblings", head: words.siblings, cell: ({ siblings }) => format.number(siblings) },
    { key: "behind", head: words.behind, cell: ({ behind }) => format.number(behind), bad: ({ behind }) => behind > 0 },
    { key: "channels", head: words.channels, cell: ({ channels }) => format.number(channels) },
    { key: "memory", head: words.memory, cell: ({ memory_bytes }) => bytesText(memory_bytes, format.decimal) },
    {
      key: "loop", head: words.loop, cell: ({ loop_lag_ms: { p50, p99 } }) => `${ms(p50)} / ${ms(p99)} ms`,
      bad: ({ loop_lag_ms: { p99 } }) => (p99 ?? 0) > 100,
    },
    { key: "store", head: words.store, cell: ({ store_connected }) => (store_connected ? words.connected : words.lost), bad: ({ store_connected }) => !store_connected },
  ];
  return (
    <Panel title={words.workers}>
      <Table label={words.workers} columns={columns} rows={rows} keyOf={({ index }) => index} />
    </Panel>
  );
}

export function Channels({ rows, total }: { rows: ChannelRow[]; total: number }) {
  const words = useWords();
  const format = useFormat();
  const [order, setOrder] = useState<Order>({ by: "viewers", down: true });
  const [filter, setFilter] = useState("");
  const shown = useMemo(
    () => sorted(rows.filter((row) => row.channel.toLowerCase().includes(filter.trim().toLowerCase())), order),
    [rows, filter, order],
  );
  const number = (value: number | null | undefined, digits = 0): string => (value == null ? "–" : digits ? format.decimal(value, digits) : format.number(value));
  const column = (by: keyof ChannelRow, name: string, cell: Column<ChannelRow>["cell"], bad?: Column<ChannelRow>["bad"]): Column<ChannelRow> => {
    const chosen = order.by === by;
    return {
      key: by,
      head: (
        <button type="button" className={styles.sort} onClick={() => setOrder({ by, down: chosen ? !order.down : by !== "channel" && by !== "status" })}>
          {name}
          <span aria-hidden="true">{chosen ? (order.down ? " ↓" : " ↑") : ""}</span>
        </button>
      ),
      sort: chosen ? (order.down ? "descending" : "ascending") : "none",
      cell,
      ...(bad && { bad }),
    };
  };
  const columns = [
    column("channel", words.channel, ({ channel }) => <Link to={channelAddress(channel)}>{channel}</Link>),
    column("status", words.status, ({ status }) => <span className={styles.word} data-status={status}>{status ?? "–"}</span>),
    column("viewers", words.viewers, ({ viewers }) => number(viewers)),
    column("behind", words.behind, ({ behind }) => number(behind), ({ behind }) => behind > 0),
    column("entries_per_s", words.rate, ({ entries_per_s }) => number(entries_per_s, 1)),
    column("behind_ms", words.behindMs, ({ behind_ms }) => (behind_ms == null ? "–" : `${number(behind_ms)} ms`), ({ behind_ms }) => (behind_ms ?? 0) > 2000),
    column("interval_ms", words.pace, ({ interval_ms }) => (interval_ms == null ? "–" : `${number(interval_ms)} ms`), ({ stretched }) => stretched === true),
    column("memory_bytes", words.memory, ({ memory_bytes }) => (memory_bytes == null ? "–" : bytesText(memory_bytes, format.decimal))),
    column("errors", words.errors, ({ errors }) => number(errors), ({ errors }) => (errors ?? 0) > 0),
  ];
  return (
    <Panel
      title={words.channels}
      aside={
        <span className={styles.tools}>
          <span className={styles.quiet} role={filter === "" ? undefined : "status"}>{words.shown(format.number(shown.length), format.number(total))}</span>
          <input type="search" className={styles.input} aria-label={words.filter} placeholder={words.filter} value={filter} onChange={(event) => setFilter(event.target.value)} />
        </span>
      }
    >
      <Table label={words.channels} columns={columns} rows={shown} keyOf={({ channel }) => channel} className={styles.channels} box={styles.tall}>
        {shown.length === 0 ? <p className={shell.notice}>{rows.length ? words.noMatch : words.noChannels}</p> : null}
      </Table>
    </Panel>
  );
}

export function Letters({ letters, totals }: { letters: Letter[]; totals: Record<string, number> }) {
  const words = useWords();
  const columns: Column<Letter>[] = [
    { key: "channel", head: words.channel, cell: ({ channel }) => <Link to={channelAddress(channel)}>{channel}</Link> },
    { key: "position", head: words.position, cell: ({ position }) => position ?? "–" },
    { key: "reason", head: words.reason, cell: ({ reason }) => reason },
  ];
  return (
    <Panel title={words.letters}>
      <p className={styles.quiet}>{words.lettersHow}</p>
      <Counts counts={totals} name={words.reason} />
      {letters.length > 0 ? (
        <Table label={words.letters} columns={columns} rows={[...letters].reverse()} keyOf={({ channel, position }, at) => `${channel} ${position ?? at}`} box={styles.short} />
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
  const columns: Column<[string, number]>[] = [
    { key: "code", head: name, cell: ([code]) => code },
    { key: "count", head: words.count, cell: ([, count]) => format.number(count) },
  ];
  return <Table columns={columns} rows={rows} keyOf={([code]) => code} />;
}

export function Store({ store }: { store: Overview["store"] }) {
  const words = useWords();
  const format = useFormat();
  return (
    <Panel title={words.store}>
      <Facts
        rows={[
          [words.status, store.connected ? words.connected : words.lost, !store.connected],
          [words.wakeup, store.wakeup],
          [words.reconnects, format.number(store.reconnects)],
          [words.keyframes, format.number(store.keyframes)],
          [words.histories, format.number(store.histories_started_over)],
          [words.gaps, format.number(store.gaps)],
        ]}
      />
      <p className={styles.quiet}>{store.wakeup_reason}</p>
    </Panel>
  );
}

export function Aggregate({ state, uncounted }: { state: Overview["aggregate"]; uncounted: Record<string, number> }) {
  const words = useWords();
  const format = useFormat();
  const columns: Column<(typeof state.sinks)[number]>[] = [
    { key: "sink", head: words.sink, cell: ({ sink }) => sink },
    { key: "rate", head: words.rate, cell: ({ entries_per_s }) => (entries_per_s === null ? "–" : format.decimal(entries_per_s, 1)) },
    { key: "backlog", head: words.backlog, cell: ({ backlog }) => format.number(backlog) },
  ];
  return (
    <Panel title={words.aggregate}>
      <Facts
        rows={[
          [words.partitions, format.number(state.partitions)],
          [words.recounts, format.number(state.recounts)],
          [words.broken, format.number(state.boards_broken), state.boards_broken > 0],
          [words.historyFailures, format.number(state.history_failures), state.history_failures > 0],
        ]}
      />
      <Table columns={columns} rows={state.sinks} keyOf={({ sink }) => sink} testId="sinks" />
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
  const columns: Column<PageRow>[] = [
    { key: "browser", head: words.browser, cell: ({ browser }) => browser },
    { key: "beats", head: words.beats, cell: ({ beats }) => format.number(beats) },
    { key: "fps", head: words.fps, cell: ({ fps_p50 }) => (fps_p50 === null ? "–" : format.decimal(fps_p50, 1)) },
    { key: "dropped", head: words.dropped, cell: ({ dropped_frames }) => format.number(dropped_frames) },
    { key: "pixel", head: words.pixel, cell: ({ tick_to_pixel_ms: { p50, p95 } }) => `${ms(p50)} / ${ms(p95)} ms` },
  ];
  return (
    <Panel title={words.pages}>
      {rows.length === 0 ? <p className={styles.quiet}>{words.none}</p> : <Table label={words.pages} columns={columns} rows={rows} keyOf={({ browser }) => browser} />}
    </Panel>
  );
}
