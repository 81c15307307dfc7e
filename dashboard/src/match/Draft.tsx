/** Heroes that the teams have chosen and forbidden. */
import { isObject, teamsOf, text } from "./document.js";
import styles from "./match.module.css";
import { usePart } from "./parts.js";
import { useWords } from "./words.js";

export function Draft({ channel }: { channel: string }) {
  const words = useWords();
  const [draft] = usePart(channel, ({ doc }) => [isObject(doc.figures) ? doc.figures.draft : undefined]);
  const teams = usePart(channel, ({ doc }) => teamsOf(doc).flatMap(({ id, name }) => [id, name]));
  const steps = isObject(draft) ? Object.entries(draft).sort(([a], [b]) => a.localeCompare(b)).map(([, step]) => step).filter(isObject) : [];
  return (
    <div className={styles.draft}>
      {[0, 1].map((side) => {
        const mine = steps.filter((step) => step.team === teams[side * 2]);
        const heroes = (kind: string): string => mine.filter((step) => step.kind === kind).map((step) => text(step.hero)).join(", ");
        return (
          <dl key={side} data-side={side}>
            <dt><bdi>{teams[side * 2 + 1]}</bdi></dt>
            <dd>
              <b>{words.picks}</b> {heroes("pick") || "–"}
            </dd>
            <dd>
              <b>{words.bans}</b> {heroes("ban") || "–"}
            </dd>
          </dl>
        );
      })}
    </div>
  );
}
