/** Says that the viewer has no token, or none that is good any more, and takes another one; what is shown stays. */
import { useEffect, useRef } from "react";
import { useRefusal } from "../live/refusal.js";
import { defineWords } from "./language.js";
import styles from "./shell.module.css";
import { currentToken, tellFrame } from "./token.js";
import { TokenForm } from "./TokenForm.js";

const useWords = defineWords({
  en: {
    access: "Access", none: "Watching needs a token.", ended: "Your token has ended or is not good. What is shown is the last known state.",
    forbidden: "Your token does not allow this.",
  },
  de: {
    access: "Zugang", none: "Zum Zuschauen ist ein Token nötig.", ended: "Dein Token ist abgelaufen oder nicht gültig. Gezeigt wird der letzte bekannte Stand.",
    forbidden: "Dein Token erlaubt das nicht.",
  },
});

export function Access() {
  const words = useWords();
  const refused = useRefusal();
  const part = useRef<HTMLElement>(null);
  const inside = useRef(false);
  useEffect(() => {
    if (refused !== null) return tellFrame(refused);
    // The form is gone; what it opened comes next.
    if (inside.current) document.getElementById("main")?.focus({ preventScroll: true });
    inside.current = false;
  }, [refused]);
  if (refused === null) return null;
  return (
    <section
      ref={part}
      className={styles.access}
      aria-label={words.access}
      data-testid="access"
      data-code={refused}
      onFocus={() => (inside.current = true)}
      onBlur={({ relatedTarget }) => (inside.current = relatedTarget === null)}
    >
      <p role="status">{currentToken() === null ? words.none : refused === "forbidden" ? words.forbidden : words.ended}</p>
      <TokenForm />
    </section>
  );
}
