/** The gateway in six figures, each with its last two minutes. */
import type { ReactNode } from "react";
import { useFormat } from "../shell/language.js";
import styles from "./operator.module.css";
import { bytesText, durationText, type Overview } from "./overview.js";
import { Sparkline } from "./Sparkline.js";
import { useWords } from "./words.js";

export const PAST = 120;

export function Figures({ now, past }: { now: Overview; past: readonly Overview[] }) {
  const words = useWords();
  const format = useFormat();
  const rate = (value: number | null): string => (value === null ? "–" : format.number(Math.round(value)));
  const ms = (value: number | null): string => (value === null ? "–" : `${format.decimal(value, value < 10 ? 1 : 0)} ms`);
  const watching = (view: Overview): number => view.connections.ws + view.connections.sse;
  const { gateway, rates } = now;
  return (
    <dl className={styles.figures}>
      <Figure name={words.viewers} value={format.number(watching(now))} line={past.map(watching)}>
        <span data-bad={now.connections.behind > 0}>{`${format.number(now.connections.behind)} ${words.behind.toLowerCase()}`}</span>
      </Figure>
      <Figure name={words.events} value={rate(rates.events)} unit={words.perSecond} line={past.map((view) => view.rates.events)}>
        {`${rate(rates.dead_letters)} ${words.errors.toLowerCase()}${words.perSecond}`}
      </Figure>
      <Figure name={words.out} value={rates.bytes_out === null ? "–" : bytesText(rates.bytes_out, format.decimal)} unit={words.perSecond} line={past.map((view) => view.rates.bytes_out)}>
        {`${rate(rates.frames_out)} ${words.frames}, ${rate(rates.conflated)} ${words.conflated}`}
      </Figure>
      <Figure name={words.lag} value={ms(now.lag_ms.p50)} line={past.map((view) => view.lag_ms.p50)}>
        {`${words.p99} ${ms(now.lag_ms.p99)}`}
      </Figure>
      <Figure name={words.workersUp} value={`${gateway.workers} / ${gateway.workers_wanted}`} line={past.map((view) => view.gateway.workers)}>
        <span data-bad={gateway.restarts + gateway.bugs > 0}>{`${gateway.restarts} ${words.restarts}, ${gateway.bugs} ${words.bugs}`}</span>
      </Figure>
      <Figure name={words.store} value={now.store.connected ? words.connected : words.lost} bad={!now.store.connected} line={past.map((view) => (view.store.connected ? 1 : 0))}>
        {`${words.uptime} ${durationText(gateway.uptime_s)}`}
      </Figure>
    </dl>
  );
}

interface FigureProps {
  name: string;
  value: string;
  unit?: string;
  bad?: boolean;
  line: readonly (number | null)[];
  children: ReactNode;
}

function Figure({ name, value, unit, bad, line, children }: FigureProps) {
  return (
    <div className={styles.figure}>
      <dt>{name}</dt>
      <dd className={styles.value} data-bad={bad}>
        {value}
        {unit ? <small>{unit}</small> : null}
      </dd>
      <dd className={styles.more}>{children}</dd>
      <dd className={styles.sparkBox}>
        <Sparkline values={line} most={PAST} />
      </dd>
    </div>
  );
}
