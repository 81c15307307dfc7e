/** A titled part of a page, with an error boundary and a place to wait of its own. */
import { Suspense, useId, type ReactNode } from "react";
import { Boundary } from "./Boundary.js";
import styles from "./shell.module.css";

interface Props {
  title: string;
  children: ReactNode;
  /** Beside the title: a control or a figure. */
  aside?: ReactNode;
  className?: string | undefined;
  /** Height in rem that is kept free while the part is on its way. */
  reserve?: number;
}

export function Panel({ title, children, aside, className, reserve = 6 }: Props) {
  const id = useId();
  return (
    <section className={className ? `${styles.panel} ${className}` : styles.panel} aria-labelledby={id} tabIndex={-1}>
      <div className={styles.panelHead}>
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      <Boundary>
        <Suspense fallback={<Skeleton rem={reserve} />}>{children}</Suspense>
      </Boundary>
    </section>
  );
}

/** Holds the place of what is on its way, so that nothing jumps. */
export function Skeleton({ rem }: { rem: number }) {
  const half = Math.max(1, Math.min(30, Math.round(rem / 2)));
  return (
    <div className={styles.skeleton} aria-hidden="true">
      {Array.from({ length: half }, (_, key) => (
        <span key={key} />
      ))}
    </div>
  );
}
