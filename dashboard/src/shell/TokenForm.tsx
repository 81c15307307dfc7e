/** Where a viewer or an operator gives a token. It goes into this tab's memory and nowhere else. */
import { useId, useRef, type FormEvent, type ReactNode } from "react";
import { defineWords } from "./language.js";
import styles from "./shell.module.css";
import { renewToken } from "./token.js";

const useWords = defineWords({ en: { token: "Token", use: "Use it" }, de: { token: "Token", use: "Verwenden" } });

/** @param children how one comes by a token. */
export function TokenForm({ className, children }: { className?: string | undefined; children?: ReactNode }) {
  const words = useWords();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    renewToken(field.current?.value.trim() ?? "");
  };
  return (
    <form onSubmit={submit} className={className ? `${styles.tokenForm} ${className}` : styles.tokenForm}>
      <label>
        {words.token}
        <input ref={field} type="password" autoComplete="off" required aria-describedby={children === undefined ? undefined : id} />
      </label>
      {children === undefined ? null : <p id={id} className={styles.soft}>{children}</p>}
      <button type="submit" className={styles.button}>{words.use}</button>
    </form>
  );
}
