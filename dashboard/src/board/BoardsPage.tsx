/** Leaderboards by what is counted: all but those of matches, and those of the matches that are live. */
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
import { useTitles } from "./titles.js";
import { boardName, boardOrder, useBoardWords } from "./words.js";

const REFRESH_MS = 5_000;
const MATCHES_MAX = 20;

/** A gateway keeps the boards of thousands of matches that are over; their summaries tell what is on them. */
async function listed(signal: AbortSignal): Promise<BoardInfo[]> {
  const boards = async (query: string) => (await get<{ boards: BoardInfo[] }>(`/v1/leaderboards?limit=500&${query}`, signal)).boards;
  const [lasting, { matches }] = await Promise.all([
    boards("matches=false"),
    get<{ matches: { id: string }[] }>(`/v1/matches?status=live&limit=${MATCHES_MAX}`, signal),
  ]);
  return matches.length === 0 ? lasting : [...lasting, ...(await boards(`match=${matches.map(({ id }) => id).join(",")}`))];
}

export function BoardsPage() {
  const words = useBoardWords();
  const format = useFormat();
  const problem = useProblemText();
  const [paused, setPaused] = useState(false);
  const { data, error, refetch } = useQuery({
    queryKey: ["boards"],
    queryFn: ({ signal }) => listed(signal),
    refetchInterval: paused ? false : REFRESH_MS,
  });
  useTitle(words.boards);
  const titles = useTitles(data?.some(({ board }) => board.split(".")[1] === "match") ?? false);
  const groups = new Map<string, BoardInfo[]>();
  for (const board of data ?? []) groups.set(board.metric, [...(groups.get(board.metric) ?? []), board]);
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
                    <Link to={`/board/${encodeURIComponent(info.board)}`} label={`${words.metric(metric)}, ${boardName(info.board, words, titles).scope}`}>
                      <bdi>{boardName(info.board, words, titles).scope}</bdi>
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
