/** One leaderboard: everybody on it, live, and where the viewer stands. */
import { useCallback, useEffect, useState, type MouseEvent } from "react";
import { ChannelPause } from "../live/ChannelPause.js";
import { StateMark } from "../live/StateMark.js";
import { useConnection, useWaiting } from "../live/store.js";
import { Problem } from "../shell/api.js";
import { Failed } from "../shell/Boundary.js";
import { useFormat } from "../shell/language.js";
import { Skeleton } from "../shell/Panel.js";
import { usePreference } from "../shell/preferences.js";
import { useProblemText } from "../shell/problems.js";
import { Link, type Params } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import { useTitle } from "../shell/title.js";
import styles from "./board.module.css";
import { useMe } from "./me.js";
import { Own } from "./Own.js";
import { Ranking } from "./Ranking.js";
import { Search } from "./Search.js";
import { useTitles } from "./titles.js";
import { useBoard } from "./useBoard.js";
import { boardName, useBoardWords } from "./words.js";

export function BoardPage({ params }: { params: Params }) {
  const board = params.id ?? "";
  const words = useBoardWords();
  const format = useFormat();
  const problem = useProblemText();
  const language = usePreference("language");
  const me = useMe();
  const connection = useConnection();
  const [range, setRange] = useState<[number, number]>([0, 30]);
  const [inside, setInside] = useState(false);
  const [released, setReleased] = useState(0);
  const paused = useWaiting(`board:${board}`) !== null;
  const [wish, setWish] = useState<{ position: number; at: number } | null>(null);
  const hold = useHold(inside, released);
  const data = useBoard(board, range[0], range[1], hold, paused);
  const name = boardName(board, words, useTitles(board.split(".")[1] === "match"));
  const onRange = useCallback((first: number, last: number) => setRange([first, last]), []);
  const show = (position: number): void => setWish({ position, at: Date.now() });
  const release = (event: MouseEvent<HTMLElement>): void => {
    setReleased((count) => count + 1);
    // The button goes; who pressed it by keyboard is led back to the rows.
    if (event.detail === 0) event.currentTarget.closest(`.${styles.main}`)?.querySelector<HTMLElement>("[data-holds] [role=row][tabindex='0']")?.focus();
  };
  useTitle(`${name.metric}, ${name.scope}`);

  const lost = connection.word === "reconnecting" || connection.word === "offline";
  const known = !data.loading && data.error === null;
  const stale = lost || (known && !data.complete);
  return (
    <article className={styles.board}>
      <div className={shell.heading}>
        <h1 className={styles.title}>
          {name.metric} <small><bdi>{name.scope}</bdi></small>
        </h1>
        <span className={styles.stamp} data-testid="stamp" data-stale={stale}>
          {data.asOfMs > 0 ? words.asOf(new Date(data.asOfMs).toLocaleTimeString(language)) : ""}
        </span>
        <StateMark status={data.status} behindMs={data.behindMs} />
        <ChannelPause channel={`board:${board}`} of={name.metric} />
      </div>
      {stale && known && (data.total > 0 || !lost) ? (
        <p className={shell.warning} role="status" data-testid="stale">
          {lost ? words.stale : data.status === "paused" ? words.silent : words.incomplete}
        </p>
      ) : null}
      {data.error instanceof Problem && data.error.status === 404 ? (
        <p className={shell.notice} data-testid="missing">
          {words.missing} <Link to="/boards">{words.all}</Link>
        </p>
      ) : data.error ? (
        <Failed again={data.retry} text={problem(data.error)} />
      ) : data.loading ? (
        <Skeleton rem={36} />
      ) : data.total === 0 ? (
        <p className={shell.notice}>{words.empty}</p>
      ) : (
        <div className={styles.columns}>
          <div className={styles.side}>
            <Search board={board} rows={data.rows} onShow={show} />
            <Own board={board} paused={paused} onShow={show} />
          </div>
          <div
            className={styles.main}
            onPointerEnter={(event) => event.pointerType === "mouse" && setInside(true)}
            onPointerLeave={() => setInside(holds(document.activeElement))}
            onFocus={(event) => holds(event.target) && setInside(true)}
            onBlur={(event) => holds(event.relatedTarget) || setInside(event.currentTarget.matches(":hover"))}
          >
            <div className={styles.bar}>
              <span className={styles.count}>{words.members(format.number(data.total))}</span>
              <span className={styles.moved} aria-live="off" data-holds>
                {data.moved > 0 ? (
                  <button type="button" className={shell.button} data-testid="moved" onClick={release}>
                    {words.moved(format.number(data.moved))}
                  </button>
                ) : null}
              </span>
              <button type="button" className={shell.button} onClick={() => show(0)}>
                {words.toTop}
              </button>
            </div>
            <Ranking rows={data.rows} total={data.total} me={me} wish={wish} onRange={onRange} />
          </div>
        </div>
      )}
    </article>
  );
}

/** Whether the focus on an element holds the places: on a row, or on the way to the button that lets them go. */
const holds = (element: EventTarget | null): boolean => element instanceof Element && element.closest("[data-holds]") !== null;

/** Whether places are held: while the pointer is about the rows or the focus on them; let go for a moment when the reader wants to see. */
function useHold(inside: boolean, released: number): boolean {
  const [letGo, setLetGo] = useState(0);
  useEffect(() => {
    if (released !== letGo) setLetGo(released);
  }, [released, letGo]);
  return inside && released === letGo;
}
