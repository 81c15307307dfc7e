/** Where the viewer stands: their row, with ten above and ten below. */
import { useLayoutEffect, useRef } from "react";
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
  const box = useRef<HTMLDivElement>(null);
  const at = data?.rows.findIndex((row) => row.member === me) ?? -1;
  const own = data?.rows[at];
  // On a small screen the neighbours scroll: whoever comes or moves is in the middle, and the reader may look around from there.
  useLayoutEffect(() => centre(box.current), [me, at, own?.rank]);
  if (me === null) return <p className={styles.hint}>{words.chooseMe}</p>;
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
        <div role="table" aria-label={words.around} data-testid="around" ref={box}>
          {data.rows.map((row) => (
            <div role="row" key={row.member} className={styles.row} aria-current={row.member === me || undefined}>
              <Cells row={row} cell="cell" />
            </div>
          ))}
        </div>
      )}
    </Panel>
  );
}

/** Scrolls the current row to the middle of its box, and nothing else. */
function centre(box: HTMLElement | null): void {
  const row = box?.querySelector<HTMLElement>("[aria-current]");
  if (box && row) box.scrollTop = row.offsetTop - (box.clientHeight - row.offsetHeight) / 2;
}
