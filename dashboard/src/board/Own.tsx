/** Where the viewer stands: their row, with ten above and ten below. */
import { Problem } from "../shell/api.js";
import { useFormat } from "../shell/language.js";
import { Panel, Skeleton } from "../shell/Panel.js";
import shell from "../shell/shell.module.css";
import styles from "./board.module.css";
import { Cells } from "./BoardRow.js";
import { setMe, useMe } from "./me.js";
import { useAround } from "./useBoard.js";
import { useBoardWords } from "./words.js";

export function Own({ board, paused, onShow }: { board: string; paused: boolean; onShow: (position: number) => void }) {
  const words = useBoardWords();
  const format = useFormat();
  const me = useMe();
  const { data, error } = useAround(board, me, paused);
  if (me === null) return <p className={styles.hint}>{words.chooseMe}</p>;
  const at = data?.rows.findIndex((row) => row.member === me) ?? -1;
  const own = data?.rows[at];
  const missing = (error instanceof Problem && error.status === 404) || (data !== undefined && own === undefined);
  return (
    <Panel
      title={own ? words.yourPlace(format.number(own.rank), format.number(data?.total ?? 0)) : words.you}
      className={styles.own}
      aside={
        <span className={styles.tools}>
          {own ? (
            <button type="button" className={shell.button} onClick={() => onShow((data?.offset ?? 0) + at)}>
              {words.apply}
            </button>
          ) : null}
          <button
            type="button"
            className={shell.button}
            onClick={({ currentTarget }) => {
              // The panel goes, the button with it; the next step is to say who one is instead.
              currentTarget.closest("section")?.parentElement?.querySelector<HTMLElement>("input[type=search]")?.focus();
              setMe(null);
            }}
          >
            {words.notMe}
          </button>
        </span>
      }
    >
      {missing ? (
        <p className={styles.hint}>{words.meMissing}</p>
      ) : data === undefined ? (
        <Skeleton rem={20} />
      ) : (
        <div role="grid" aria-label={words.around} aria-readonly="true" data-testid="around">
          {data.rows.map((row) => (
            <div role="row" key={row.member} className={styles.row} aria-selected={row.member === me}>
              <Cells row={row} />
            </div>
          ))}
        </div>
      )}
    </Panel>
  );
}
