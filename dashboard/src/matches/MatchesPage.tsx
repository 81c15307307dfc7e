/** The list of matches, live. */
import { useEffect } from "react";
import type { JsonObject } from "../../client/src/index.js";
import { StateMark } from "../live/StateMark.js";
import { LOBBY, useChannel } from "../live/store.js";
import { clockText, isObject, teamsOf, text } from "../match/document.js";
import { gameOfDocument } from "../match/games/index.js";
import { Skeleton } from "../shell/Panel.js";
import { Link } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import styles from "./matches.module.css";

const ORDER = ["live", "paused", "scheduled", "ended"];

export function MatchesPage() {
  useEffect(() => {
    document.title = "Matches · Grandstand";
  }, []);
  const lobby = useChannel(LOBBY);
  const rows = isObject(lobby?.doc.matches) ? Object.entries(lobby.doc.matches) : [];
  const matches = rows
    .filter((row): row is [string, JsonObject] => isObject(row[1]))
    .sort((a, b) => ORDER.indexOf(text(a[1].status, "live")) - ORDER.indexOf(text(b[1].status, "live")) || a[0].localeCompare(b[0]));
  return (
    <>
      <div className={shell.heading}>
        <h1>Matches</h1>
        <StateMark status={lobby?.status ?? "live"} behindMs={lobby?.behindMs ?? 0} />
      </div>
      {matches.length > 0 ? (
        <ul className={styles.cards}>
          {matches.map(([id, row]) => (
            <li key={id}>
              <Card id={id} row={row} />
            </li>
          ))}
        </ul>
      ) : lobby?.version || lobby?.error ? (
        <p className={shell.notice}>No match is on. This list fills by itself when one begins.</p>
      ) : (
        <ul className={styles.cards} aria-hidden="true">
          {[0, 1, 2].map((key) => (
            <li key={key} className={styles.card}>
              <Skeleton rem={8} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Card({ id, row }: { id: string; row: JsonObject }) {
  const status = text(row.status, "live");
  return (
    <Link to={`/match/${id}`} className={styles.card}>
      <span className={styles.cardTop}>
        <span className={styles.game}>{gameOfDocument(row).name}</span>
        <span className={styles.pill} data-status={status}>
          {status}
        </span>
        <span className={styles.cardClock}>{clockText(row)}</span>
      </span>
      {teamsOf(row).map((team) => (
        <span key={team.id} className={styles.cardTeam} data-side={team.side}>
          <span>{team.name}</span>
          <b>{team.score}</b>
        </span>
      ))}
      <span className={styles.cardTitle}>{text(row.title, id)}</span>
    </Link>
  );
}
