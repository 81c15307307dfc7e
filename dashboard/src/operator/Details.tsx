/** One channel on every worker that serves it, and one viewer's connection. No address, name or token is known here. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { get, Problem } from "../shell/api.js";
import { useFormat } from "../shell/language.js";
import { Panel, Skeleton } from "../shell/Panel.js";
import { Link } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import styles from "./operator.module.css";
import { bytesText, durationText, type ChannelView, type ConnectionView } from "./overview.js";
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
  const { data, error } = useView<ChannelView>(`/admin/v1/channels/${encodeURIComponent(channel)}`, paused);
  return (
    <Detail title={channel} gone={error instanceof Problem && error.status === 404} loading={data === undefined}>
      {data?.workers.map((worker) => (
        <Panel
          key={worker.worker}
          title={`${words.worker} ${worker.worker}`}
          aside={<span className={styles.quiet}>{worker.role === "owner" ? words.roleOwner : words.roleFollower}</span>}
        >
          <dl className={styles.facts}>
            <Fact name={words.status} value={worker.status} />
            <Fact name={words.viewers} value={format.number(worker.viewers)} />
            <Fact name={words.behind} value={format.number(worker.behind)} />
            {worker.position == null ? null : <Fact name={words.position} value={worker.position} />}
            {worker.behind_ms == null ? null : <Fact name={words.behindMs} value={`${format.number(worker.behind_ms)} ms`} />}
            {worker.interval_ms == null ? null : <Fact name={words.pace} value={`${format.number(worker.interval_ms)} ms`} />}
            {worker.gaps == null ? null : <Fact name={words.gaps} value={format.number(worker.gaps)} />}
            {worker.memory_bytes == null ? null : <Fact name={words.memory} value={bytesText(worker.memory_bytes, format.decimal)} />}
          </dl>
          <h3 className={styles.sub}>{words.outlets}</h3>
          <div className={shell.scroll} tabIndex={0} role="group" aria-label={words.outlets}>
            <table className={shell.table}>
              <thead>
                <tr>
                  <th scope="col">{words.audience}</th>
                  <th scope="col">{words.viewers}</th>
                  <th scope="col">{words.behind}</th>
                  <th scope="col">{words.waiting}</th>
                  <th scope="col">{words.version}</th>
                </tr>
              </thead>
              <tbody>
                {worker.outlets.map((outlet) => (
                  <tr key={outlet.audience}>
                    <th scope="row">{outlet.audience}</th>
                    <td>{Object.entries(outlet.viewers).map(([kind, count]) => `${format.number(count)} ${kind}`).join(", ") || "0"}</td>
                    <td data-bad={outlet.behind > 0}>{format.number(outlet.behind)}</td>
                    <td>{format.number(outlet.waiting)}</td>
                    <td className={styles.code}>{outlet.version ?? "–"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
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
            <div className={`${shell.scroll} ${styles.short}`} tabIndex={0} role="group" aria-label={words.connections}>
              <table className={shell.table}>
                <thead>
                  <tr>
                    <th scope="col">{words.connection}</th>
                    <th scope="col">{words.kind}</th>
                    <th scope="col">{words.audience}</th>
                    <th scope="col">{words.behind}</th>
                    <th scope="col">{words.pending}</th>
                  </tr>
                </thead>
                <tbody>
                  {worker.connections.map((viewer) => (
                    <tr key={viewer.connection}>
                      <th scope="row">
                        <Link to={`/operator?connection=${viewer.connection}`} className={styles.code}>{viewer.connection}</Link>
                      </th>
                      <td>{`${viewer.kind} · ${viewer.encoding}`}</td>
                      <td>{viewer.audience}</td>
                      <td data-bad={viewer.behind}>{viewer.behind ? words.yes : words.no}</td>
                      <td>{bytesText(viewer.pending_bytes, format.decimal)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : null}
        </Panel>
      ))}
    </Detail>
  );
}

export function ConnectionDetail({ connection, paused }: { connection: string; paused: boolean }) {
  const words = useWords();
  const format = useFormat();
  const { data, error } = useView<ConnectionView>(`/admin/v1/connections/${encodeURIComponent(connection)}`, paused);
  return (
    <Detail title={`${words.connection} ${connection}`} gone={error instanceof Problem && error.status === 404} loading={data === undefined}>
      {data === undefined ? null : (
        <Panel title={`${data.kind === "ws" ? "WebSocket" : "SSE"} · ${data.encoding}`}>
          <dl className={styles.facts}>
            <Fact name={words.worker} value={String(data.worker)} />
            <Fact name={words.audience} value={data.audience} />
            <Fact name={words.token} value={data.anonymous ? words.anonymous : words.withToken} />
            {data.expires_s === null ? null : <Fact name={words.expires} value={format.relative(data.expires_s * 1000, data.as_of_ms)} />}
            <Fact name={words.silent} value={durationText(data.silent_ms / 1000)} />
            <Fact name={words.pending} value={bytesText(data.pending_bytes, format.decimal)} />
          </dl>
          <div className={shell.scroll} tabIndex={0} role="group" aria-label={words.channels}>
            <table className={shell.table}>
              <thead>
                <tr>
                  <th scope="col">{words.channel}</th>
                  <th scope="col">{words.behind}</th>
                  <th scope="col">{words.flushes}</th>
                  <th scope="col">{words.version}</th>
                </tr>
              </thead>
              <tbody>
                {data.channels.map((row) => (
                  <tr key={row.channel}>
                    <th scope="row">
                      <Link to={channelAddress(row.channel)}>{row.channel}</Link>
                    </th>
                    <td data-bad={row.behind}>{row.behind ? words.yes : words.no}</td>
                    <td>{format.number(row.flushes_behind)}</td>
                    <td className={styles.code}>{row.version ?? "–"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
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

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
