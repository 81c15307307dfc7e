/** Finds a player by id or name: at once among the rows known here, a moment later on the whole board. */
import { useEffect, useId, useMemo, useState } from "react";
import { useFormat } from "../shell/language.js";
import shell from "../shell/shell.module.css";
import styles from "./board.module.css";
import { setMe, useMe } from "./me.js";
import { found, type Row } from "./rows.js";
import { useFound } from "./useBoard.js";
import { useBoardWords } from "./words.js";

const HITS = 8;
/** Nobody is asked for each letter of a word that is being typed. */
const TYPED_MS = 200;
/** Longer ones nobody has. */
const LENGTH_MAX = 128;

interface Props {
  board: string;
  rows: ReadonlyMap<number, Row>;
  onShow: (position: number) => void;
}

export function Search({ board, rows, onShow }: Props) {
  const words = useBoardWords();
  const format = useFormat();
  const me = useMe();
  const [typed, setTyped] = useState("");
  const [asked, setAsked] = useState("");
  const wanted = typed.trim();
  useEffect(() => {
    const timer = setTimeout(() => setAsked(wanted), TYPED_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  const all = useFound(board, asked);
  const status = useId();
  const hits = useMemo(() => found([...rows.values(), ...(all.data?.rows ?? [])], wanted, HITS), [rows, all.data, wanted]);
  const waits = asked !== wanted || all.isFetching;
  return (
    <div className={styles.search} role="search">
      <input
        type="search"
        className={styles.input}
        placeholder={words.searchHow}
        aria-label={words.search}
        aria-describedby={status}
        value={typed}
        maxLength={LENGTH_MAX}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          const [hit] = hits;
          if (event.key === "Enter" && hit !== undefined) onShow(hit.rank - 1);
          if (event.key === "Escape") setTyped("");
        }}
      />
      <span id={status} role="status" className="visually-hidden">
        {wanted === "" || (waits && hits.length === 0) ? "" : hits.length ? words.hits(format.number(hits.length)) : words.noHits}
      </span>
      {wanted === "" ? null : hits.length === 0 ? (
        <p className={styles.hits}>{waits ? words.loading : all.isError ? words.noSearch : words.noHits}</p>
      ) : (
        <ul className={styles.hits} data-testid="hits">
          {hits.map((row) => (
            <li key={row.member}>
              <button type="button" className={styles.hit} onClick={() => onShow(row.rank - 1)}>
                <bdi>{row.name ?? row.member}</bdi>
                <span className={styles.hitRank}>{`#${format.number(row.rank)}`}</span>
              </button>
              <button type="button" className={shell.button} aria-pressed={row.member === me} aria-label={`${words.me}: ${row.name ?? row.member}`} onClick={() => setMe(row.member)}>
                {words.me}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
