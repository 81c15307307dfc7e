/** One channel on every worker that serves it, and one viewer's connection. No address, name or token is known here. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { get, Problem } from "../shell/api.js";
import { useFormat } from "../shell/language.js";
import { Panel, Skeleton } from "../shell/Panel.js";
import { Link } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import { Table, type Column } from "../shell/Table.js";
import { Facts } from "./Facts.js";
import styles from "./operator.module.css";
import { bytesText, durationText, type ChannelView, type ConnectionView, type OutletRow, type ViewerRow } from "./overview.js";
import { channelAddress } from "./Tables.js";
import { useWords } from "./words.js";

/** Asks once a second, unless paused. */
export function useView<T>(path: string, paused: boolean) {
  return useQuery<T>({
    queryKey: [path],
    queryFn: ({ signal }) => get<T>(path, signal),
    refetchInterval: paused ? false : 1_000,
    staleTime: 500,
    retry: false,
  });
}

export function ChannelDetail({ channel, paused }: { channel: string; paused: boolean }) {
  const words = useWords();
  const format = useFormat();
  const outlets: Column<OutletRow>[] = [
    { key: "audience", head: words.audience, cell: ({ audience }) => audience },
    { key: "viewers", head: words.viewers, cell: ({ viewers }) => Object.entries(viewers).map(([kind, count]) => `${format.number(count)} ${kind}`).join(", ") || "0" },
    { key: "behind", head: words.behind, cell: ({ behind }) => format.number(behind), bad: ({ behind }) => behind > 0 },
    { key: "waiting", head: words.waiting, cell: ({ waiting }) => format.number(waiting) },
    { key: "version", head: words.version, cell: ({ version }) => version ?? "–", className: styles.code },
  ];
  const connections: Column<ViewerRow>[] = [
    { key: "connection", head: words.connection, cell: ({ connection }) => <Link to={`/operator?connection=${connection}`} className={styles.code}>{connection}</Link> },
    { key: "kind", head: words.kind, cell: ({ kind, encoding }) => `${kind} · ${encoding}` },
    { key: "audience", head: words.audience, cell: ({ audience }) => audience },
    { key: "behind", head: words.behind, cell: ({ behind }) => (behind ? words.yes : words.no), bad: ({ behind }) => behind },
    { key: "pending", head: words.pending, cell: ({ pending_bytes }) => bytesText(pending_bytes, format.decimal) },
  ];
  const { data, error } = useView<ChannelView>(`/admin/v1/channels/${encodeURIComponent(channel)}`, paused);
  return (
    <Detail title={channel} gone={error instanceof Problem && error.status === 404} loading={data === undefined}>
      {data?.workers.map((worker) => (
        <Panel
          key={worker.worker}
          title={`${words.worker} ${worker.worker}`}
          aside={<span className={styles.quiet}>{worker.role === "owner" ? words.roleOwner : words.roleFollower}</span>}
        >
          <Facts
            rows={[
              [words.status, worker.status],
              [words.viewers, format.number(worker.viewers)],
              [words.behind, format.number(worker.behind), worker.behind > 0],
              [words.position, worker.position ?? null],
              [words.behindMs, worker.behind_ms == null ? null : `${format.number(worker.behind_ms)} ms`],
              [words.pace, worker.interval_ms == null ? null : `${format.number(worker.interval_ms)} ms`],
              [words.gaps, worker.gaps == null ? null : format.number(worker.gaps)],
              [words.memory, worker.memory_bytes == null ? null : bytesText(worker.memory_bytes, format.decimal)],
            ]}
          />
          <h3 className={styles.sub}>{words.outlets}</h3>
          <Table label={words.outlets} columns={outlets} rows={worker.outlets} keyOf={({ audience }) => audience} />
          {worker.errors?.length ? (
            <>
              <h3 className={styles.sub}>{words.letters}</h3>
              <ul className={styles.letters}>
                {worker.errors.map((letter, at) => (
                  <li key={at}>
                    <span className={styles.code}>{letter.position ?? "–"}</span> {letter.reason}
                  </li>
                ))}
              </ul>
            </>
          ) : null}
          <h3 className={styles.sub}>{words.connections}</h3>
          <p className={styles.quiet}>{worker.connections.length ? words.connectionsHow : words.none}</p>
          {worker.connections.length ? (
            <Table label={words.connections} columns={connections} rows={worker.connections} keyOf={({ connection }) => connection} box={styles.short} />
          ) : null}
        </Panel>
      ))}
    </Detail>
  );
}

export function ConnectionDetail({ connection, paused }: { connection: string; paused: boolean }) {
  const words = useWords();
  const format = useFormat();
  const channels: Column<ConnectionView["channels"][number]>[] = [
    { key: "channel", head: words.channel, cell: ({ channel }) => <Link to={channelAddress(channel)}>{channel}</Link> },
    { key: "behind", head: words.behind, cell: ({ behind }) => (behind ? words.yes : words.no), bad: ({ behind }) => behind },
    { key: "flushes", head: words.flushes, cell: ({ flushes_behind }) => format.number(flushes_behind) },
    { key: "version", head: words.version, cell: ({ version }) => version ?? "–", className: styles.code },
  ];
  const { data, error } = useView<ConnectionView>(`/admin/v1/connections/${encodeURIComponent(connection)}`, paused);
  return (
    <Detail title={`${words.connection} ${connection}`} gone={error instanceof Problem && error.status === 404} loading={data === undefined}>
      {data === undefined ? null : (
        <Panel title={`${data.kind === "ws" ? "WebSocket" : "SSE"} · ${data.encoding}`}>
          <Facts
            rows={[
              [words.worker, String(data.worker)],
              [words.audience, data.audience],
              [words.token, data.anonymous ? words.anonymous : words.withToken],
              [words.expires, data.expires_s === null ? null : format.relative(data.expires_s * 1000, data.as_of_ms)],
              [words.silent, durationText(data.silent_ms / 1000)],
              [words.pending, bytesText(data.pending_bytes, format.decimal)],
            ]}
          />
          <Table label={words.channels} columns={channels} rows={data.channels} keyOf={({ channel }) => channel} />
        </Panel>
      )}
    </Detail>
  );
}

function Detail({ title, gone, loading, children }: { title: string; gone: boolean; loading: boolean; children: ReactNode }) {
  const words = useWords();
  return (
    <section className={styles.detail} aria-label={title}>
      <p>
        <Link to="/operator">{`← ${words.back}`}</Link>
      </p>
      <h2 className={styles.detailTitle}>{title}</h2>
      {gone ? <p className={shell.notice} role="status">{words.gone}</p> : loading ? <Skeleton rem={14} /> : children}
    </section>
  );
}
