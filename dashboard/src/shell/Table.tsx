/** A table of rows of one kind: the first cell names its row, and what is too wide or too long scrolls in itself. */
import type { Key, ReactNode } from "react";
import styles from "./shell.module.css";

export interface Column<Row> {
  key: string;
  head: ReactNode;
  cell: (row: Row, index: number) => ReactNode;
  /** Whether the cell shows trouble. */
  bad?: (row: Row) => boolean;
  className?: string | undefined;
  sort?: "ascending" | "descending" | "none";
}

interface Props<Row> {
  /** Says what the table is of where it scrolls; a table without one never does. */
  label?: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row, index: number) => Key;
  className?: string | undefined;
  /** Of what scrolls: its greatest height. */
  box?: string | undefined;
  testId?: string;
  /** Below the rows. */
  children?: ReactNode;
}

export function Table<Row>({ label, columns, rows, keyOf, className, box, testId, children }: Props<Row>) {
  const table = (
    <table className={className ? `${styles.table} ${className}` : styles.table} data-testid={testId}>
      <thead>
        <tr>
          {columns.map(({ key, head, sort }) => (
            <th key={key} scope="col" aria-sort={sort}>{head}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={keyOf(row, index)}>
            {columns.map(({ key, cell, bad, className: own }, at) =>
              at === 0 ? (
                <th key={key} scope="row" className={own}>{cell(row, index)}</th>
              ) : (
                <td key={key} className={own} data-bad={bad?.(row)}>{cell(row, index)}</td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
  if (label === undefined) return table;
  return (
    <div className={box ? `${styles.scroll} ${box}` : styles.scroll} tabIndex={0} role="group" aria-label={label}>
      {table}
      {children}
    </div>
  );
}
