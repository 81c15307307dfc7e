/** The last minutes of one figure as a line; what it says in words stands beside it. */
import styles from "./operator.module.css";

const WIDTH = 120;
const HEIGHT = 28;
/** A young line has a part of the width, an older one all of it. */
const LEAST = 15;

export function Sparkline({ values, most }: { values: readonly (number | null)[]; most: number }) {
  const known = values.filter((value): value is number => value !== null);
  const span = Math.min(most, Math.max(LEAST, values.length));
  const top = Math.max(1e-9, ...known);
  const points = values
    .map((value, at) => (value === null ? null : `${((at + span - values.length) / (span - 1)) * WIDTH},${HEIGHT - 2 - (value / top) * (HEIGHT - 4)}`))
    .filter((point) => point !== null);
  return (
    <svg className={styles.spark} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {points.length > 1 ? <polyline points={points.join(" ")} vectorEffect="non-scaling-stroke" /> : null}
    </svg>
  );
}
