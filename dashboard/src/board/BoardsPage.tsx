/** All leaderboards, by what is counted. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { get } from "../shell/api.js";
import { Failed } from "../shell/Boundary.js";
import { useFormat } from "../shell/language.js";
import { Panel, Skeleton } from "../shell/Panel.js";
import { PauseButton } from "../shell/PauseButton.js";
import { useProblemText } from "../shell/problems.js";
import { Link } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import { useTitle } from "../shell/title.js";
import styles from "./board.module.css";
import type { BoardInfo } from "./rows.js";
import { boardName, boardOrder, useBoardWords } from "./words.js";

const REFRESH_MS = 5_000;

export function BoardsPage() {
  const words = useBoardWords();
  const format = useFormat();
  const problem = useProblemText();
  const [paused, setPaused] = useState(false);
  const { data, error, refetch } = useQuery({
    queryKey: ["boards"],
    queryFn: ({ signal }) => get<{ boards: BoardInfo[] }>("/v1/leaderboards", signal),
    refetchInterval: paused ? false : REFRESH_MS,
  });
  useTitle(words.boards);
  const groups = new Map<string, BoardInfo[]>();
  for (const board of data?.boards ?? []) groups.set(board.metric, [...(groups.get(board.metric) ?? []), board]);
  return (
    <>
      <div className={shell.heading}>
        <h1>{words.boards}</h1>
        <span className={shell.end}>
          <PauseButton of={words.boards} paused={paused} onChange={setPaused} />
        </span>
      </div>
      {error && !data ? (
        <Failed again={() => void refetch()} text={problem(error)} />
      ) : data === undefined ? (
        <Skeleton rem={20} />
      ) : groups.size === 0 ? (
        <p className={shell.notice}>{words.none}</p>
      ) : (
        <div className={styles.groups}>
          {[...groups].map(([metric, boards]) => (
            <Panel key={metric} title={words.metric(metric)} className={styles.group}>
              <ul className={styles.list}>
                {boards.sort((a, b) => boardOrder(a.board, b.board)).map((info) => (
                  <li key={info.board}>
                    <Link to={`/board/${encodeURIComponent(info.board)}`} label={`${words.metric(metric)}, ${boardName(info.board, words).scope}`}>
                      {boardName(info.board, words).scope}
                    </Link>
                    <span className={styles.count}>{words.members(format.number(info.members))}</span>
                  </li>
                ))}
              </ul>
            </Panel>
          ))}
        </div>
      )}
    </>
  );
}
