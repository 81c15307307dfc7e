/** The ranking: thousands of rows of which those in view exist, a grid for keyboard and ear, places that stay under the pointer. */
import { useVirtualizer, defaultRangeExtractor, type Range } from "@tanstack/react-virtual";
import { useCallback, useEffect, useRef, useState, type KeyboardEvent } from "react";
import { navigate } from "../shell/router.js";
import styles from "./board.module.css";
import { Cells } from "./BoardRow.js";
import type { Row } from "./rows.js";
import { useBoardWords } from "./words.js";

export const ROW_PX = 44;

interface Props {
  rows: ReadonlyMap<number, Row>;
  total: number;
  me: string | null;
  /** A position to bring into view; `at` makes a repeated wish a new one. */
  wish: { position: number; at: number } | null;
  onRange: (first: number, last: number) => void;
}

export function Ranking({ rows, total, me, wish, onRange }: Props) {
  const words = useBoardWords();
  const scroller = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState(0);
  const focusing = useRef(false);
  const rangeExtractor = useCallback(
    // The row that has the focus stays, wherever one scrolls.
    (range: Range) => [...new Set([...defaultRangeExtractor(range), Math.min(current, Math.max(0, range.count - 1))])].sort((a, b) => a - b),
    [current],
  );
  const virtual = useVirtualizer({ count: total, getScrollElement: () => scroller.current, estimateSize: () => ROW_PX, overscan: 8, rangeExtractor });
  const first = virtual.range?.startIndex ?? 0;
  const last = virtual.range?.endIndex ?? 20;
  useEffect(() => onRange(first, last), [first, last, onRange]);

  const go = (position: number, focus: boolean): void => {
    const to = Math.max(0, Math.min(total - 1, position));
    setCurrent(to);
    focusing.current = focus;
    virtual.scrollToIndex(to, { align: "auto" });
  };
  useEffect(() => {
    if (wish !== null) {
      setCurrent(Math.max(0, Math.min(total - 1, wish.position)));
      virtual.scrollToIndex(wish.position, { align: "center" });
    }
  }, [wish]);
  useEffect(() => {
    if (!focusing.current) return;
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${current}"]`);
    if (row === undefined || row === null) return;
    focusing.current = false;
    row.focus({ preventScroll: true });
  });

  const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 440) / ROW_PX) - 1);
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = {
      ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + page, PageUp: current - page, Home: 0, End: total - 1,
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      go(to, true);
    } else if (event.key === "Enter" && event.target instanceof HTMLElement && event.target.role === "row") {
      const row = rows.get(current);
      if (row !== undefined) navigate(`/player/${encodeURIComponent(row.member)}`);
    }
  };

  return (
    <div role="grid" aria-label={words.rows} aria-rowcount={total + 1} aria-describedby="board-keys" aria-readonly="true" className={styles.grid}>
      <span id="board-keys" hidden>{words.focusHow}</span>
      <div role="rowgroup" className={styles.head}>
        <div role="row" aria-rowindex={1} className={styles.row}>
          <span role="columnheader" className={styles.rank}>{words.rank}</span>
          <span role="columnheader" className={styles.name}>{words.player}</span>
          <span role="columnheader" className={styles.points}>{words.points}</span>
        </div>
      </div>
      <div
        role="rowgroup"
        className={styles.scroller}
        ref={scroller}
        data-testid="ranking"
        data-holds
        onKeyDown={onKeyDown}
      >
        <div role="presentation" className={styles.sizer} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const row = rows.get(index);
            return (
              <div
                // A place keeps its element, and with it the focus, when who holds it becomes known.
                key={index}
                role="row"
                aria-rowindex={index + 2}
                aria-selected={row !== undefined && row.member === me}
                data-index={index}
                tabIndex={index === current ? 0 : -1}
                className={styles.row}
                style={{ transform: `translateY(${start}px)` }}
                onFocus={() => setCurrent(index)}
              >
                {row === undefined ? <Waiting position={index + 1} /> : <Cells key={row.member} cell="gridcell" row={row} tabIndex={-1} />}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Waiting({ position }: { position: number }) {
  const words = useBoardWords();
  return (
    <>
      <span role="gridcell" className={styles.rank}>{position}</span>
      <span role="gridcell" className={styles.name}>
        <span className={styles.waiting} aria-label={words.loading} role="img" />
      </span>
      <span role="gridcell" className={styles.points}>–</span>
    </>
  );
}
