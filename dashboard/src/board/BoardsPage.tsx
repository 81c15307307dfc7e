import { defineWords } from "../shell/language.js";
import styles from "../shell/shell.module.css";

const useWords = defineWords({ en: { later: "Nothing is shown here yet." }, de: { later: "Hier wird noch nichts angezeigt." } });

export function BoardsPage() {
  return <p className={styles.notice}>{useWords().later}</p>;
}
