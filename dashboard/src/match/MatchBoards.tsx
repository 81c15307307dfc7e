/** The way to a match's own boards, also when it has ended. */
import { useQuery } from "@tanstack/react-query";
import boards from "../board/board.module.css";
import type { BoardInfo } from "../board/rows.js";
import { useBoardWords } from "../board/words.js";
import { get } from "../shell/api.js";
import { useFormat } from "../shell/language.js";
import { Panel } from "../shell/Panel.js";
import { Link } from "../shell/router.js";

/** Boards begin with the first points: while a match is played, they are asked for again. */
const REFRESH_MS = 15_000;

/** Nothing where the match has no boards: they are kept for some months, or nobody has scored. */
export function MatchBoards({ id, ended }: { id: string; ended: boolean }) {
  const words = useBoardWords();
  const format = useFormat();
  const { data } = useQuery({
    queryKey: ["match boards", id],
    queryFn: async ({ signal }) => (await get<{ boards: BoardInfo[] }>(`/v1/leaderboards?limit=500&match=${encodeURIComponent(id)}`, signal)).boards,
    refetchInterval: ended ? false : REFRESH_MS,
  });
  const scored = data?.filter(({ members }) => members > 0) ?? [];
  if (scored.length === 0) return null;
  return (
    <Panel title={words.boards}>
      <ul className={boards.list} data-testid="match-boards">
        {scored.map(({ board, metric, members }) => (
          <li key={board}>
            <Link to={`/board/${encodeURIComponent(board)}`} label={`${words.metric(metric)}, ${words.board}`}>
              {words.metric(metric)}
            </Link>
            <span className={boards.count}>{words.members(format.number(members))}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
