/** Going back in time, where the gateway keeps history, and back to live; a link to the moment that is shown. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { live } from "../live/store.js";
import { get } from "../shell/api.js";
import { useFormat } from "../shell/language.js";
import { useQueryParam, navigate } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import styles from "./match.module.css";
import { usePart } from "./parts.js";
import { useWords } from "./words.js";

const BACK_S = [30, 120, 600] as const;
const SPEEDS = [1, 2, 4, 10] as const;
const COPIED_MS = 2_500;
const ASK_AGAIN_MS = 5_000;

export function RewindBar({ channel }: { channel: string }) {
  const words = useWords();
  const format = useFormat();
  const [status, behindMs, error, begun] = usePart(channel, (view) => [view.status, view.behindMs, view.error, view.version !== null]);
  const at = useQueryParam("at");
  const [speed, setSpeed] = useState(1);
  const [copied, setCopied] = useState(false);
  const asked = useRef<string | null>(null);
  const history = useQuery({
    queryKey: ["history", channel],
    queryFn: ({ signal }) => get(`/v1/channels/${channel}/events?limit=1`, signal),
    staleTime: Infinity,
    retry: false,
    // A match that has just begun is not in the history yet.
    refetchInterval: ({ state }) => (state.status === "error" ? ASK_AGAIN_MS : false),
  });
  const past = status === "rewind";
  useEffect(() => {
    // A link to a moment: shown once the match is known.
    if (at === null || !begun || asked.current === at || !history.isSuccess) return;
    asked.current = at;
    live.rewind(channel, at, speed);
  }, [at, begun, channel, speed, history.isSuccess]);
  const present = (): void => {
    asked.current = null;
    live.live(channel);
    navigate(location.pathname, { replace: true });
  };
  const share = async (): Promise<void> => {
    const position = live.view(channel)?.version?.split(".")[0];
    await navigator.clipboard.writeText(`${location.origin}${location.pathname}?at=${position ?? ""}`);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  if (!history.isSuccess) return null;
  return (
    <div className={styles.rewind} role="group" aria-label={words.rewinding} data-past={past}>
      {BACK_S.map((seconds) => (
        <button
          key={seconds}
          type="button"
          className={shell.button}
          aria-label={words.early(seconds < 60 ? `${seconds} s` : `${seconds / 60} min`)}
          onClick={() => live.rewind(channel, `-${seconds + Math.round(behindMs / 1000) * Number(past)}s`, speed)}
        >
          −{seconds < 60 ? `${seconds} s` : `${seconds / 60} min`}
        </button>
      ))}
      <label>
        {words.speed}{" "}
        <select
          value={speed}
          onChange={(event) => {
            const chosen = Number(event.target.value);
            setSpeed(chosen);
            const position = live.view(channel)?.version?.split(".")[0];
            if (past && position) live.rewind(channel, position, chosen);
          }}
        >
          {SPEEDS.map((one) => (
            <option key={one} value={one}>
              {one}×
            </option>
          ))}
        </select>
      </label>
      {past ? (
        <button type="button" className={shell.button} onClick={present}>
          ⏭ {words.back}
        </button>
      ) : null}
      <button type="button" className={shell.button} onClick={() => void share()}>
        {copied ? words.copied : words.share}
      </button>
      {past && behindMs > 0 ? <span className={shell.soft}>{words.behind(format.decimal(behindMs / 1000, 0))}</span> : null}
      {(error?.code as string | undefined) === "rewind_unavailable" ? <span className={shell.soft}>{words.noRewind}</span> : null}
    </div>
  );
}
