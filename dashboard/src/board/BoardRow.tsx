/** One row of a board: place, player, points. Changed points light up once; a row that says the same as before does not render. */
import { memo, useEffect, useRef } from "react";
import { Link } from "../shell/router.js";
import { useFormat } from "../shell/language.js";
import styles from "./board.module.css";
import { sameRow, type Row } from "./rows.js";

interface CellsProps {
  row: Row;
  /** What it is a row of. */
  cell: "gridcell" | "cell";
  /** In a grid one place has the focus, and the link is reached by Enter. */
  tabIndex?: number;
}

function CellsOf({ row, cell, tabIndex }: CellsProps) {
  const format = useFormat();
  const points = useRef<HTMLSpanElement>(null);
  const before = useRef(row.points);
  useEffect(() => {
    if (points.current !== null && before.current !== row.points) points.current.dataset.flash = row.points > before.current ? "up" : "down";
    before.current = row.points;
  }, [row.points]);
  return (
    <>
      <span role={cell} className={styles.rank} data-medal={row.rank <= 3 ? row.rank : undefined}>
        {format.number(row.rank)}
      </span>
      <span role={cell} className={styles.name}>
        <Link to={`/player/${encodeURIComponent(row.member)}`} {...(tabIndex !== undefined && { tabIndex })}>
          <bdi>{row.name ?? row.member}</bdi>
        </Link>
      </span>
      <span role={cell} className={styles.points} ref={points} onAnimationEnd={(event) => delete event.currentTarget.dataset.flash}>
        {format.number(row.points)}
      </span>
    </>
  );
}

/** Every message of a board makes all its rows anew: what counts is what they say. */
export const Cells = memo(CellsOf, (before, now) => before.tabIndex === now.tabIndex && sameRow(before.row, now.row));
