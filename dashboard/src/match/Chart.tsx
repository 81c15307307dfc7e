/** The lead over time, by uPlot; loaded when a match is looked at. Whoever does not see it opens a table of it. */
import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { store } from "../live/store.js";
import { useFail } from "../shell/Boundary.js";
import { useScheme } from "../shell/preferences.js";
import { clockText, teamsOf } from "./document.js";
import { gameOf } from "./games/index.js";
import styles from "./match.module.css";
import { curveOf, Series } from "./series.js";
import shell from "../shell/shell.module.css";
import { useFormat } from "../shell/language.js";
import { isolated, Sentence } from "../shell/names.js";
import { usePart } from "./parts.js";
import { valuesOf } from "./values.js";
import { usePast } from "./usePast.js";
import { useWords } from "./words.js";

const HEIGHT_PX = 190;
const EVERY_MS = 1_000;
/** Steps between the lines: leads are whole numbers. */
const STEPS = [1, 2, 5].flatMap((step) => [step, 10 * step, 100 * step, 1_000 * step, 10_000 * step]).sort((a, b) => a - b);

export default function Chart({ channel, game, label }: { channel: string; game: string; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const failing = useRef(useFail());
  const scheme = useScheme();
  const words = useWords();
  const past = usePast(channel, game);
  const [opened, setOpened] = useState(false);
  const [values, setValues] = useState<readonly [minute: number, value: number][]>([]);
  const told = useRef(opened);
  told.current = opened;
  const gathered = useRef<Series | null>(null);
  const drawn = useRef<(() => void) | null>(null);
  useEffect(() => {
    if (past === undefined) return;
    const home = teamsOf(store.getState().channels[channel]?.doc ?? {})[0]?.id;
    (gathered.current ??= new Series(gameOf(game))).fill(curveOf(gameOf(game), past.points, past.track, past.told, home));
    drawn.current?.();
  }, [past, channel, game]);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const series = (gathered.current ??= new Series(gameOf(game)));
    const style = getComputedStyle(element);
    // It draws once more when it is on the page no longer, and has no colours then.
    const colour = (name: string): string => style.getPropertyValue(name).trim() || "transparent";
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: `11px ${style.fontFamily}` };
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { y: false },
        scales: { x: { time: false }, y: { range: (_, low, high) => { const far = Math.max(5, Math.abs(low), Math.abs(high)) * 1.1; return [-far, far]; } } },
        axes: [
          { ...axis, size: 26, space: 70, values: (_, marks) => marks.map((minute) => clockText({ clock: { t_ms: Math.round(minute * 60) * 1000 } })) },
          { ...axis, size: 46, incrs: STEPS, values: (_, marks) => marks.map((mark) => (Math.abs(mark) >= 1000 ? `${Math.abs(mark) / 1000}k` : String(Math.abs(mark)))) },
        ],
        series: [{}, {
          label,
          width: 2,
          stroke: (u) => shade(u, colour("--chart-0"), colour("--chart-1")),
          fill: (u) => shade(u, colour("--wash-0"), colour("--wash-1")),
          points: { show: false },
          fillTo: 0,
        }],
      },
      [series.minutes, series.values],
      element,
    );
    let timer: ReturnType<typeof setTimeout> | null = null;
    const draw = (): void => {
      plot.setData([series.minutes, series.values]);
      const [from, to] = [series.minutes[0], series.minutes.at(-1)].map((minute) => clockText({ clock: { t_ms: Math.round((minute ?? 0) * 60) * 1_000 } }));
      element.setAttribute("aria-label", words.chartOf(label, from!, to!));
      // Nobody is told of what changes; who has opened the table finds it there.
      if (told.current) setValues(valuesOf(series));
    };
    const take = (): void => {
      timer = null;
      const view = store.getState().channels[channel];
      try {
        if (view?.version != null && series.add(view.doc, view.feed, view.source)) draw();
      } catch (error) {
        failing.current(error);
      }
    };
    take();
    drawn.current = draw;
    const stop = store.subscribe(() => (timer ??= setTimeout(take, EVERY_MS)));
    const sizes = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    sizes.observe(element);
    return () => {
      stop();
      if (timer !== null) clearTimeout(timer);
      sizes.disconnect();
      drawn.current = null;
      plot.destroy();
    };
  }, [channel, game, scheme, label, words]);
  return (
    <>
      <div ref={place} className={styles.chart} role="img" aria-label={label} data-testid="chart" />
      <details
        className={styles.values}
        onToggle={({ currentTarget: { open } }) => {
          setOpened(open);
          if (open && gathered.current !== null) setValues(valuesOf(gathered.current));
        }}
      >
        <summary>{words.asTable}</summary>
        {opened ? <Values channel={channel} label={label} values={values} /> : null}
      </details>
    </>
  );
}

/** The curve in words: who led when, and by how much. */
function Values({ channel, label, values }: { channel: string; label: string; values: readonly (readonly [minute: number, value: number])[] }) {
  const words = useWords();
  const format = useFormat();
  const [first, second] = usePart(channel, ({ doc }) => teamsOf(doc).slice(0, 2).map(({ name }) => name));
  if (values.length === 0) return <p className={shell.soft}>{words.quiet}</p>;
  return (
    <table className={shell.table} data-testid="values">
      <caption className="visually-hidden">{label}</caption>
      <thead>
        <tr>
          <th scope="col">{words.time}</th>
          <th scope="col">{label}</th>
        </tr>
      </thead>
      <tbody>
        {values.map(([minute, value]) => (
          <tr key={minute}>
            <th scope="row">{clockText({ clock: { t_ms: Math.round(minute * 60_000) } })}</th>
            <td>{value === 0 ? words.even : <Sentence text={words.ahead(isolated((value > 0 ? first : second) ?? "–"), format.number(Math.abs(value)))} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Above zero in one colour, below it in the other. */
function shade(plot: uPlot, above: string, below: string): CanvasGradient | string {
  const zero = plot.valToPos(0, "y", true);
  const { top, height } = plot.bbox;
  if (!Number.isFinite(zero) || height <= 0) return above;
  const share = Math.max(0, Math.min(1, (zero - top) / height));
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, above);
  gradient.addColorStop(share, above);
  gradient.addColorStop(share, below);
  gradient.addColorStop(1, below);
  return gradient;
}
