/** How the gateway is doing, live, for who runs it: at a glance, one channel, one connection. */
import { useEffect, useRef, useState } from "react";
import { Problem } from "../shell/api.js";
import { Failed } from "../shell/Boundary.js";
import { Panel, Skeleton } from "../shell/Panel.js";
import { PauseButton } from "../shell/PauseButton.js";
import { useQueryParam } from "../shell/router.js";
import shell from "../shell/shell.module.css";
import { useTitle } from "../shell/title.js";
import { TokenForm } from "../shell/TokenForm.js";
import { usePreference } from "../shell/preferences.js";
import { useProblemText } from "../shell/problems.js";
import { ChannelDetail, ConnectionDetail, useView } from "./Details.js";
import { Figures, PAST } from "./Figures.js";
import styles from "./operator.module.css";
import { remember, type Overview } from "./overview.js";
import { Aggregate, Channels, Counts, Letters, Pages, Store, Workers } from "./Tables.js";
import { useWords } from "./words.js";

export function OperatorPage() {
  const words = useWords();
  const [paused, setPaused] = useState(false);
  const channel = useQueryParam("channel");
  const connection = useQueryParam("connection");
  const problem = useProblemText();
  const language = usePreference("language");
  const { data, error, refetch } = useView<Overview>("/admin/v1/overview", paused);
  const past = usePast(data);
  useTitle(channel ?? (connection === null ? words.title : `${words.connection} ${connection}`));
  // The form stays while what it was given is tried.
  const door = useRef<number | null>(null);
  if (error instanceof Problem && (error.status === 401 || error.status === 403)) door.current = error.status;
  else if (data !== undefined || error !== null) door.current = null;
  const closed = door.current !== null;
  const wasClosed = useRef(closed);
  useEffect(() => {
    // The form is gone; what it opened comes next.
    if (wasClosed.current && !closed) document.getElementById("main")?.focus();
    wasClosed.current = closed;
  }, [closed]);

  if (closed)
    return <Door wrong={door.current === 403} />;
  return (
    <>
      <div className={shell.heading}>
        <h1>{words.title}</h1>
        <span className={styles.quiet} data-testid="as-of">
          {data ? words.asOf(new Date(data.as_of_ms).toLocaleTimeString(language)) : ""}
        </span>
        <span className={shell.end}>
          <PauseButton of={words.title} paused={paused} onChange={setPaused} />
        </span>
      </div>
      {error && data ? <p className={shell.warning} role="status">{words.stale}</p> : null}
      {error && !data ? <Failed again={() => void refetch()} text={problem(error)} /> : null}
      {connection !== null ? (
        <ConnectionDetail key={connection} connection={connection} paused={paused} />
      ) : channel !== null ? (
        <ChannelDetail key={channel} channel={channel} paused={paused} />
      ) : data ? (
        <div className={styles.grid}>
          <Figures now={data} past={past} />
          <Channels rows={data.channels} total={data.channels_total} />
          <Workers rows={data.workers} />
          <div className={styles.columns}>
            <Store store={data.store} />
            <Aggregate state={data.aggregate} uncounted={data.totals.uncounted} />
            <Panel title={words.refusals}>
              <Counts counts={data.totals.refusals} name={words.code} />
            </Panel>
            <Panel title={words.closed}>
              <Counts counts={data.totals.closed} name={words.reason} />
            </Panel>
          </div>
          <Letters letters={data.letters} totals={data.totals.dead_letters} />
          <Pages rows={data.pages} />
        </div>
      ) : error ? null : (
        <Skeleton rem={40} />
      )}
    </>
  );
}

/** The views of the last two minutes. */
function usePast(now: Overview | undefined): readonly Overview[] {
  const past = useRef<Overview[]>([]);
  if (now !== undefined && past.current.at(-1)?.as_of_ms !== now.as_of_ms) past.current = remember(past.current, now, PAST);
  return past.current;
}

function Door({ wrong }: { wrong: boolean }) {
  const words = useWords();
  return (
    <div className={styles.door}>
      <h1>{words.title}</h1>
      <div className={shell.panel}>
        <p role="status">{wrong ? words.tokenForbidden : words.tokenNeeded}</p>
        <TokenForm>{words.tokenHow}</TokenForm>
      </div>
    </div>
  );
}
