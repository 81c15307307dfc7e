/** Teams, score and clock. */
import { useEffect, useRef } from "react";
import { entryOf, isObject, teamsOf, text, type Team } from "./document.js";
import styles from "./match.module.css";
import { usePart } from "./parts.js";
import { useClock } from "./useClock.js";
import { usePeriodWords, useWords } from "./words.js";

export function Scoreboard({ channel }: { channel: string }) {
  const words = useWords();
  const [first, second] = usePart(channel, ({ doc }) => teamsOf(doc).map(({ id }) => id));
  return (
    <section className={styles.score} aria-label={words.score}>
      <TeamName channel={channel} team={first} side={0} />
      <div className={styles.numbers}>
        <Points channel={channel} team={first} side={0} />
        <Clock channel={channel} />
        <Points channel={channel} team={second} side={1} />
      </div>
      <TeamName channel={channel} team={second} side={1} />
    </section>
  );
}

interface Of {
  channel: string;
  team: string | undefined;
  side: number;
}

const teamOf = (teams: Team[], id: string | undefined): Team | undefined => teams.find((team) => team.id === id);

function TeamName({ channel, team, side }: Of) {
  const [name] = usePart(channel, ({ doc }) => [teamOf(teamsOf(doc), team)?.name ?? "–"]);
  return (
    <div className={styles.team} data-side={side}>
      <bdi>{name}</bdi>
    </div>
  );
}

function Points({ channel, team, side }: Of) {
  const [score] = usePart(channel, ({ doc }) => [teamOf(teamsOf(doc), team)?.score ?? 0]);
  const place = useRef<HTMLElement>(null);
  const shown = useRef(score);
  useEffect(() => {
    if (score !== shown.current) place.current?.classList.add(styles.flash!);
    shown.current = score;
  }, [score]);
  return (
    <b ref={place} data-testid={`score-${side}`} className={styles.points} style={{ inlineSize: `${String(score).length}ch` }} onAnimationEnd={() => place.current?.classList.remove(styles.flash!)}>
      <span className={styles.digits}>{score}</span>
    </b>
  );
}

function Clock({ channel }: { channel: string }) {
  const periods: Readonly<Record<string, string>> = usePeriodWords();
  const time = useClock(channel);
  const [period] = usePart(channel, ({ doc }) => [isObject(doc.clock) ? text(doc.clock.period) : ""]);
  return (
    <span className={styles.clock} role="timer" data-testid="clock">
      {time}
      {period ? <small>{entryOf(periods, period) ?? period}</small> : null}
    </span>
  );
}
