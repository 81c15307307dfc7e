/** How this page does: frames, how soon messages are seen, what comes over the line, and memory. */
import { useEffect, useRef, useState } from "react";
import { live } from "../live/store.js";
import { defineWords, useFormat } from "../shell/language.js";
import shell from "../shell/shell.module.css";
import { recentDelays, watchFrames } from "./meter.js";
import styles from "./perf.module.css";
import { CLASSES_MS, classesOf, framesOf, percentile } from "./samples.js";

const useWords = defineWords({
  en: {
    title: "Performance", close: "Close", frames: "Frames/s", dropped: "dropped", delay: "Message to pixel", messages: "Messages/s", bytes: "kB/s", conflated: "Conflated events", heap: "JS heap", transport: "Transport",
    histogram: (text: string) => `Messages by time to pixel: ${text}`, upTo: (ms: string, count: string) => `up to ${ms} ms: ${count}`, beyond: (count: string) => `longer: ${count}`, none: "–", how: "Alt + Shift + P",
  },
  de: {
    title: "Leistung", close: "Schließen", frames: "Bilder/s", dropped: "verloren", delay: "Nachricht bis Bild", messages: "Nachrichten/s", bytes: "kB/s", conflated: "Zusammengefasst", heap: "JS-Speicher", transport: "Weg",
    histogram: (text: string) => `Nachrichten nach Zeit bis zum Bild: ${text}`, upTo: (ms: string, count: string) => `bis ${ms} ms: ${count}`, beyond: (count: string) => `länger: ${count}`, none: "–", how: "Alt + Umschalt + P",
  },
});

const UPDATE_MS = 500;
const WINDOW_MS = 5_000;
const WAYS: Record<string, string> = { websocket: "WebSocket", sse: "SSE", polling: "HTTP" };

interface Figures {
  fps: number | null;
  dropped: number;
  delays: readonly number[];
  messages: number;
  bytes: number;
  conflated: number;
  heap: number | null;
  transport: string | null;
}

/** Only Chromium tells of its heap, and not in every setting. */
const heapBytes = (): number | null => (performance as { memory?: { usedJSHeapSize?: number } }).memory?.usedJSHeapSize ?? null;

function useFigures(): Figures | null {
  const [figures, setFigures] = useState<Figures | null>(null);
  useEffect(() => {
    let times: number[] = [];
    const stop = watchFrames((time) => times.push(time));
    let before = { at: performance.now(), messages: live.messages, bytes: live.bytes };
    const timer = setInterval(() => {
      const now = { at: performance.now(), messages: live.messages, bytes: live.bytes };
      const seconds = (now.at - before.at) / 1000;
      times = times.filter((time) => time > now.at - WINDOW_MS);
      const frames = framesOf(times);
      setFigures({
        fps: frames?.fps ?? null,
        dropped: frames?.dropped ?? 0,
        delays: [...recentDelays()],
        messages: (now.messages - before.messages) / seconds,
        bytes: (now.bytes - before.bytes) / seconds,
        conflated: [...live.viewers.values()].reduce((sum, { skipped }) => sum + skipped, 0),
        heap: heapBytes(),
        transport: live.connection.value.transport,
      });
      before = now;
    }, UPDATE_MS);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, []);
  return figures;
}

/** @param focused opened by who wants to go into it, not by an address. */
export default function PerfPanel({ close, focused }: { close: () => void; focused: boolean }) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    if (focused) panel.current?.focus({ preventScroll: true });
  }, [focused]);
  const words = useWords();
  const format = useFormat();
  const figures = useFigures();
  const delay = (part: number): string => {
    const value = figures && percentile(figures.delays, part);
    return value === null ? words.none : `${format.decimal(value, 0)} ms`;
  };
  return (
    <aside ref={panel} tabIndex={-1} className={styles.panel} aria-label={words.title} data-testid="perf" onKeyDown={({ key }) => key === "Escape" && close()}>
      <div className={styles.head}>
        <h2>{words.title}</h2>
        <kbd>{words.how}</kbd>
        <button type="button" className={shell.button} onClick={close}>
          {words.close}
        </button>
      </div>
      <dl className={styles.figures}>
        <Figure name={words.frames} value={figures?.fps == null ? words.none : format.decimal(figures.fps, 0)} more={`${format.number(figures?.dropped ?? 0)} ${words.dropped}`} />
        <Figure name={words.delay} value={delay(0.5)} more={`p95 ${delay(0.95)}`} />
        <Figure name={words.messages} value={figures ? format.decimal(figures.messages, 1) : words.none} more={figures ? `${format.decimal(figures.bytes / 1000, 1)} ${words.bytes}` : words.none} />
        <Figure name={words.conflated} value={format.number(figures?.conflated ?? 0)} />
        <Figure name={words.transport} value={WAYS[figures?.transport ?? ""] ?? words.none} />
        <Figure name={words.heap} value={figures?.heap == null ? words.none : `${format.decimal(figures.heap / 1e6, 1)} MB`} />
      </dl>
      <Histogram delays={figures?.delays ?? []} />
    </aside>
  );
}

function Figure({ name, value, more }: { name: string; value: string; more?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
      {more === undefined ? null : <dd className={styles.more}>{more}</dd>}
    </div>
  );
}

function Histogram({ delays }: { delays: readonly number[] }) {
  const words = useWords();
  const format = useFormat();
  const counts = classesOf(delays);
  const most = Math.max(1, ...counts);
  const told = counts.map((count, i) => (i < CLASSES_MS.length ? words.upTo(String(CLASSES_MS[i]), format.number(count)) : words.beyond(format.number(count))));
  return (
    <div className={styles.histogram} role="img" aria-label={words.histogram(told.join(", "))} data-testid="perf-histogram">
      {counts.map((count, i) => (
        <span key={i}>
          <span className={styles.bar} style={{ height: `${(count / most) * 100}%` }} />
          <small>{i < CLASSES_MS.length ? CLASSES_MS[i] : `>${CLASSES_MS.at(-1)}`}</small>
        </span>
      ))}
    </div>
  );
}
