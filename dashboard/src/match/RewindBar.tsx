/** Going back in time, where the gateway keeps history, and back to live; a link to the moment that is shown. */
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { live, store } from "../live/store.js";
import { useQueryParam, navigate } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import { clockOf, momentAt, playedAt, trackOf } from "./course.js";
import { clockText } from "./document.js";
import styles from "./match.module.css";
import { usePart } from "./parts.js";
import { useClock } from "./useClock.js";
import { useCourse } from "./useCourse.js";
import { useWords } from "./words.js";

const BACK_S = [30, 120, 600] as const;
const SPEEDS = [1, 2, 4, 10, 30] as const;
const COPIED_MS = 2_500;
/** A hand on the slider, or a key that is held, asks for one moment at its end. */
const SETTLE_MS = 300;
/** Seconds of the match for a key. */
const KEYS: Readonly<Record<string, number>> = { ArrowRight: 10, ArrowUp: 10, ArrowLeft: -10, ArrowDown: -10, PageUp: 60, PageDown: -60, Home: -Infinity, End: Infinity };

export function RewindBar({ channel }: { channel: string }) {
  const words = useWords();
  const course = useCourse(channel);
  const track = useMemo(() => trackOf(course.data?.points ?? []), [course.data]);
  const [source, begun, status, ended, error, behindMs] = usePart(channel, (view) => [
    view.source, view.version !== null, view.status, view.present.status === "ended", view.error?.code ?? null, view.behindMs,
  ]);
  const [shownS, endS] = usePart(channel, ({ doc, version, present }) => [
    Math.floor(playedAt(track, version, clockOf(doc)) / 1000),
    Math.floor(playedAt(track, present.version, clockOf(present.doc)) / 1000),
  ]);
  const clock = useClock(channel);
  const at = useQueryParam("at");
  const [speed, setSpeed] = useState(1);
  const [refused, setRefused] = useState(false);
  const [wanted, setWanted] = useState<number | null>(null);
  const [link, setLink] = useState<{ address: string; copied: boolean } | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const slider = useRef<HTMLInputElement>(null);
  const shareButton = useRef<HTMLButtonElement>(null);
  const asked = useRef<string | null>(null);
  const past = status === "rewind";

  const rewind = (moment: string, pace: number): void => {
    setRefused(false);
    live.rewind(channel, moment, pace);
  };
  useEffect(() => {
    // A link to a moment: shown once the match is known.
    if (at === null || !begun || asked.current === at || !course.isSuccess) return;
    asked.current = at;
    rewind(at, speed);
  }, [at, begun, channel, speed, course.isSuccess]);
  useEffect(() => {
    // What was wanted is there, or refused.
    if (error !== null) setRefused(true);
    if (begun && timer.current === null) setWanted(null);
  }, [source, begun, error]);
  useEffect(() => () => clearTimeout(timer.current ?? undefined), []);

  const present = (): void => {
    // The button for it goes.
    (slider.current ?? shareButton.current)?.focus({ preventScroll: true });
    asked.current = at;
    live.live(channel);
    navigate(location.pathname, { replace: true });
  };
  const seek = (seconds: number): void => {
    const to = Math.max(0, Math.min(endS, seconds));
    setWanted(to);
    clearTimeout(timer.current ?? undefined);
    timer.current = setTimeout(() => {
      timer.current = null;
      if (to < endS) return rewind(momentAt(track, to * 1000, endS * 1000).at, speed);
      setWanted(null);
      present();
    }, SETTLE_MS);
  };
  const back = (seconds: number): void => {
    if (track.length > 0) seek((wanted ?? (past ? shownS : endS)) - seconds);
    else rewind(`-${seconds + Math.round(behindMs / 1000) * Number(past)}s`, speed);
  };
  const press = (event: KeyboardEvent): void => {
    const step = KEYS[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    seek(here + step);
  };
  const share = async (): Promise<void> => {
    const address = `${location.origin}${location.pathname}?at=${momentOf(channel)}`;
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      // Refused, or a page without TLS, which has no clipboard: the viewer copies it.
      return setLink({ address, copied: false });
    }
    setLink({ address, copied: true });
    setTimeout(() => setLink((now) => (now?.copied ? null : now)), COPIED_MS);
  };
  // Where the course was known a moment ago is enough to go back; where it ends is asked for by who reaches for the slider.
  const refresh = (): void => void (course.isStale && course.refetch());

  // Whoever asks once more after a refusal keeps no place for it.
  if (!course.isFetched) return <div className={styles.rewind} aria-hidden="true" />;
  if (!course.isSuccess) return null;
  const here = wanted ?? (past ? shownS : endS);
  const time = wanted === null ? clock : clockText({ clock: { t_ms: momentAt(track, wanted * 1000, endS * 1000).clockMs } });
  const atEnd = here >= endS && !(past && wanted === null);
  const sought = track.length > 0 && endS > 0;
  const toPresent = (
    <button type="button" className={`${shell.button} ${styles.present}`} data-testid="back-to-live" onClick={present}>
      {ended ? words.toEnd : words.back}
    </button>
  );
  return (
    <div className={styles.rewind} role="group" aria-label={words.timeTravel} data-past={past}>
      {sought ? (
        <div className={styles.seek}>
          <output className={styles.at} data-testid="moment">{time}</output>
          <input
            ref={slider}
            type="range"
            min={0}
            max={endS}
            step={1}
            value={here}
            aria-label={words.moment}
            aria-valuetext={atEnd ? (ended ? words.atEnd : words.liveNow) : time}
            onChange={(event) => seek(Number(event.target.value))}
            onKeyDown={press}
            onFocus={refresh}
            onPointerDown={refresh}
          />
          <span className={styles.end}>{past ? toPresent : clock}</span>
        </div>
      ) : null}
      {BACK_S.filter((seconds) => track.length === 0 || seconds <= Math.max(30, endS)).map((seconds) => (
        <button key={seconds} type="button" className={shell.button} aria-label={words.early(span(seconds))} onClick={() => back(seconds)}>
          −{span(seconds)}
        </button>
      ))}
      <label>
        <span className={styles.roomy}>{words.speed} </span>
        <select
          value={speed}
          onChange={(event) => {
            const chosen = Number(event.target.value);
            setSpeed(chosen);
            const moment = momentOf(channel);
            if (past && moment) rewind(moment, chosen);
          }}
        >
          {SPEEDS.map((one) => (
            <option key={one} value={one}>
              {one}×
            </option>
          ))}
        </select>
      </label>
      {past && !sought ? toPresent : null}
      <button type="button" className={shell.button} ref={shareButton} onClick={() => void share()}>
        <span className={styles.brief} aria-hidden="true">{link?.copied ? "✓" : "↗"}</span>
        <span className={styles.roomy}>{words.share}</span>
      </button>
      <span className={`${shell.soft} ${styles.roomy}`} role="status" data-testid="copied">{link?.copied ? words.copied : ""}</span>
      {link?.copied === false ? (
        <Address
          address={link.address}
          close={() => {
            setLink(null);
            shareButton.current?.focus();
          }}
        />
      ) : null}
      {past ? <span className={`${shell.soft} ${styles.roomy}`}>{words.rewinding}</span> : null}
      {refused ? <span className={shell.soft} role="status">{words.noRewind}</span> : null}
    </div>
  );
}

/** The link for who has to copy it; chosen already. */
function Address({ address, close }: { address: string; close: () => void }) {
  const words = useWords();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), [address]);
  return (
    <div className={styles.address} onKeyDown={({ key }) => key === "Escape" && close()}>
      <label htmlFor={id}>{words.copyYourself}</label>
      <input id={id} ref={field} readOnly value={address} onFocus={({ target }) => target.select()} data-testid="address" />
      <button type="button" className={shell.button} onClick={close}>{words.close}</button>
    </div>
  );
}

/** What is shown now, as an address says it. Looked up when it is asked for: nothing here renders with every version. */
const momentOf = (channel: string): string => store.getState().channels[channel]?.version?.split(".")[0] ?? "";

const span = (seconds: number): string => (seconds < 60 ? `${seconds} s` : `${seconds / 60} min`);
