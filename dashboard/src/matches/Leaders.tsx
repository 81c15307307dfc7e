/** Who leads: the first three of a few boards of all time, with the way to the whole ones. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useRef } from "react";
import { useStore } from "zustand";
import { useShallow } from "zustand/react/shallow";
import { topOf, type BoardInfo, type BoardPart } from "../board/rows.js";
import { LOBBY, store, useWaiting, watch } from "../live/store.js";
import { figureName } from "../match/words.js";
import { get } from "../shell/api.js";
import { defineWords, useFormat } from "../shell/language.js";
import { Link } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import styles from "./matches.module.css";

const useWords = defineWords({
  en: { leaders: "Leaders", metric: figureName, of: (metric: string) => `${metric}, whole board` },
  de: { leaders: "An der Spitze", metric: figureName, of: (metric: string) => `${metric}, ganze Rangliste` },
});

const BOARDS = 3;
const PLACES = 3;
/** Which boards there are changes seldom, once there are some. */
const REFRESH_MS = 60_000;
const REFRESH_NONE_MS = 15_000;
/** Of what is counted, what people ask for first; anything else follows by how many have points, what nobody wants to lead in last. */
const FIRST = ["kills", "goals", "score", "points"];
const LAST = ["deaths"];

type Leading = Pick<BoardInfo, "board" | "metric">;

const placeOf = ({ metric }: BoardInfo): number => (FIRST.includes(metric) ? FIRST.indexOf(metric) : FIRST.length + (LAST.includes(metric) ? 1 : 0));

async function leading(signal: AbortSignal): Promise<Leading[]> {
  const { boards } = await get<{ boards: BoardInfo[] }>("/v1/leaderboards?matches=false&limit=500", signal);
  const shown = boards.filter(({ scope, members }) => scope === "all" && members > 0).sort((a, b) => placeOf(a) - placeOf(b) || b.members - a.members);
  return shown.slice(0, BOARDS).map(({ board, metric }) => ({ board, metric }));
}

const NONE: Leading[] = [];

const channelOf = ({ board }: Leading): string => `board:${board}`;

/** The boards' tops as they are now, over the page's connection: many who look cost no more requests. Null until all have answered. */
function useTops(boards: Leading[]): (BoardPart | null)[] | null {
  useEffect(() => {
    const ends = boards.map((board) => watch(channelOf(board)));
    return () => ends.forEach((end) => end());
  }, [boards]);
  const views = useStore(store, useShallow(({ channels }) => boards.map((board) => channels[channelOf(board)])));
  if (!views.every((view) => view !== undefined && (view.version !== null || view.error !== null))) return null;
  return views.map((view) => (view === undefined ? null : topOf(view.doc)));
}

/** Nothing where there are no boards yet, or none can be read: the boards' own page says why. */
export function Leaders() {
  const words = useWords();
  const format = useFormat();
  const title = useId();
  const paused = useWaiting(LOBBY) !== null;
  const { data: boards = NONE } = useQuery({
    queryKey: ["leaders"],
    queryFn: ({ signal }) => leading(signal),
    refetchInterval: ({ state }) => (paused ? false : state.data?.length ? REFRESH_MS : REFRESH_NONE_MS),
  });
  const tops = useTops(boards);
  const shown = useRef<(Leading & { part: BoardPart })[]>([]);
  // What is shown stays while the page is stopped, and while other boards are on their way.
  if (tops !== null && !(paused && shown.current.length > 0))
    shown.current = boards.flatMap((board, i) => {
      const part = tops[i];
      return part && part.rows.length > 0 ? [{ ...board, part }] : [];
    });
  if (shown.current.length === 0) return null;
  return (
    <section className={styles.section} aria-labelledby={title}>
      <h2 id={title}>{words.leaders}</h2>
      <div className={`${styles.cards} ${styles.few}`}>
        {shown.current.map(({ board, metric, part }) => (
          <section key={board} className={styles.board} data-testid="leaders">
            <h3>
              <Link to={`/board/${encodeURIComponent(board)}`} label={words.of(words.metric(metric))}>
                {words.metric(metric)}
              </Link>
            </h3>
            <ol className={styles.leaders}>
              {part.rows.slice(0, PLACES).map((row) => (
                <li key={row.member}>
                  <span className={shell.soft}>{format.number(row.rank)}</span>
                  <Link to={`/player/${encodeURIComponent(row.member)}`}><bdi>{row.name ?? row.member}</bdi></Link>
                  <b>{format.number(row.points)}</b>
                </li>
              ))}
            </ol>
          </section>
        ))}
      </div>
    </section>
  );
}
