/** Names and values side by side. */
import styles from "./operator.module.css";

/** @param rows name, value and whether it shows trouble; without a value it is left out. */
export function Facts({ rows }: { rows: readonly (readonly [name: string, value: string | null, bad?: boolean])[] }) {
  return (
    <dl className={styles.facts}>
      {rows.map(([name, value, bad]) =>
        value === null ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd data-bad={bad}>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}
