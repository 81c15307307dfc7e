/** Who leads: the first three of a few boards of all time, with the way to the whole ones. */
import { useQuery } from "@tanstack/react-query";
import { useId } from "react";
import { boardPath, type BoardInfo, type BoardPart } from "../board/rows.js";
import { LOBBY, useWaiting } from "../live/store.js";
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
const REFRESH_MS = 3_000;
/** Of what is counted, what people ask for first; anything else follows by how many have points, what nobody wants to lead in last. */
const FIRST = ["kills", "goals", "score", "points"];
const LAST = ["deaths"];

const placeOf = ({ metric }: BoardInfo): number => (FIRST.includes(metric) ? FIRST.indexOf(metric) : FIRST.length + (LAST.includes(metric) ? 1 : 0));

async function leading(signal: AbortSignal): Promise<{ metric: string; part: BoardPart }[]> {
  const { boards } = await get<{ boards: BoardInfo[] }>("/v1/leaderboards?matches=false&limit=500", signal);
  const shown = boards.filter(({ scope, members }) => scope === "all" && members > 0).sort((a, b) => placeOf(a) - placeOf(b) || b.members - a.members);
  return Promise.all(
    shown.slice(0, BOARDS).map(async ({ board, metric }) => ({
      metric,
      part: await get<BoardPart>(`${boardPath(board)}?limit=${PLACES}`, signal),
    })),
  );
}

/** Nothing where there are no boards yet, or none can be read: the boards' own page says why. */
export function Leaders() {
  const words = useWords();
  const format = useFormat();
  const title = useId();
  const paused = useWaiting(LOBBY) !== null;
  const { data } = useQuery({
    queryKey: ["leaders"],
    queryFn: ({ signal }) => leading(signal),
    refetchInterval: paused ? false : REFRESH_MS,
  });
  if (data === undefined || data.length === 0) return null;
  return (
    <section className={styles.section} aria-labelledby={title}>
      <h2 id={title}>{words.leaders}</h2>
      <div className={`${styles.cards} ${styles.few}`}>
        {data.map(({ metric, part }) => (
          <section key={part.board} className={styles.board} data-testid="leaders">
            <h3>
              <Link to={`/board/${encodeURIComponent(part.board)}`} label={words.of(words.metric(metric))}>
                {words.metric(metric)}
              </Link>
            </h3>
            <ol className={styles.leaders}>
              {part.rows.map((row) => (
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
