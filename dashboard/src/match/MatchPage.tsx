/** One match. Each panel follows its own part of the document and fails alone. */
import { useMemo, type CSSProperties } from "react";
import { refusalOf } from "../live/refusal.js";
import { renewalOf, useConnection, useWatched } from "../live/store.js";
import { ChannelPause } from "../live/ChannelPause.js";
import { StateMark } from "../live/StateMark.js";
import { Boundary, Renewal } from "../shell/Boundary.js";
import { loaded } from "../shell/loaded.js";
import { Panel, Skeleton } from "../shell/Panel.js";
import { useProblemText } from "../shell/problems.js";
import { Link, type Params } from "../shell/router.js";
import { useFormat } from "../shell/language.js";
import { isolated, Sentence } from "../shell/names.js";
import shell from "../shell/shell.module.css";
import { useTitle } from "../shell/title.js";
import { Announcer } from "./Announcer.js";
import { isObject, number, playerIds, teamsOf, text } from "./document.js";
import { Draft } from "./Draft.js";
import { Feed } from "./Feed.js";
import { gameOf } from "./games/index.js";
import { MatchBoards } from "./MatchBoards.js";
import { jungle } from "./ground.js";
import styles from "./match.module.css";
import { usePart } from "./parts.js";
import { Players } from "./Players.js";
import { PlayersMap } from "./PlayersMap.js";
import { RewindBar } from "./RewindBar.js";
import { Scoreboard } from "./Scoreboard.js";
import { TeamFigures } from "./TeamFigures.js";
import { Timeline } from "./Timeline.js";
import { useCourseAwaited } from "./useCourse.js";
import { long, useFigureWords, useWords } from "./words.js";

const Chart = loaded(async () => (await import("./Chart.js")).default);

export function MatchPage({ params }: { params: Params }) {
  const id = params.id!;
  const channel = `match:${id}`;
  useWatched(channel);
  const awaited = useCourseAwaited(channel);
  const renewal = useMemo(() => renewalOf(channel), [channel]);
  const words = useWords();
  const labels = useFigureWords();
  const problem = useProblemText();
  const [known, error] = usePart(channel, ({ present, error: failed }) => [present.version !== null, failed]);
  const [title, game] = usePart(channel, ({ doc }) => [text(doc.title, id), text(doc.game)]);
  const [placed, drafted, peopled] = usePart(channel, ({ doc }) => [
    isObject(doc.map) || (isObject(doc.ball) && Array.isArray(doc.ball.pos)),
    isObject(doc.figures) && isObject(doc.figures.draft),
    playerIds(doc).length > 0,
  ]);
  const [ended] = usePart(channel, ({ doc }) => [doc.status === "ended"]);
  const [first, second] = usePart(channel, ({ doc }) => teamsOf(doc).map(({ colour }) => colour));
  useTitle(known || error ? title : null);

  if (error && !known)
    return (
      <>
        <div className={shell.heading}>
          <h1><bdi>{id}</bdi></h1>
        </div>
        <p className={shell.notice} data-testid="missing">
          {error.code === "unknown_channel" ? words.missing : problem(error)} <Link to="/">{words.all}</Link>
        </p>
      </>
    );
  if (!known || !awaited) return <Waiting title={words.score} />;

  const view = gameOf(game);
  const players = peopled ? (
    <Panel title={words.players}>
      <Players channel={channel} game={game} />
    </Panel>
  ) : null;
  const colours = { ...(first && { "--team-0": first }), ...(second && { "--team-1": second }) };
  return (
    <Renewal value={renewal}>
      <article className={styles.match} style={colours as CSSProperties}>
        <Boundary of={words.match}>
          <Heading channel={channel} title={title} game={view.name} />
          <Banner channel={channel} />
        </Boundary>
        <Boundary of={words.score}>
          <Scoreboard channel={channel} />
        </Boundary>
        <Boundary of={words.timeTravel}>
          <RewindBar channel={channel} />
        </Boundary>
        <Panel title={words.timeline} className={styles.timeline}>
          <Timeline channel={channel} game={game} />
        </Panel>
        <div className={styles.columns}>
          <div className={styles.wide}>
            {placed && view.ground ? (
              <Panel title={view.ground === jungle ? words.wards : words.map} aside={view.ground === jungle ? <span className={shell.soft}>{words.wardKinds}</span> : null}>
                <PlayersMap channel={channel} game={game} />
              </Panel>
            ) : null}
          </div>
          <div className={styles.narrow}>
            <Boundary of={words.events}>
              <Feed channel={channel} game={game} />
            </Boundary>
            <Panel title={words.teams}>
              <TeamFigures channel={channel} game={game} />
            </Panel>
            {drafted ? (
              <Panel title={words.draft}>
                <Draft channel={channel} />
              </Panel>
            ) : null}
          </div>
          <div className={styles.rest}>
            <Panel title={long(labels[view.lead])} reserve={14}>
              <Chart channel={channel} game={game} label={long(labels[view.lead])} />
            </Panel>
            {placed ? null : players}
          </div>
          <div className={styles.across}>
            {placed ? players : null}
            <Boundary of={words.boards}>
              <MatchBoards id={id} ended={ended} />
            </Boundary>
          </div>
        </div>
        <Boundary of={words.announce}>
          <Announcer channel={channel} game={game} />
        </Boundary>
        <Version channel={channel} />
      </article>
    </Renewal>
  );
}

function Heading({ channel, title, game }: { channel: string; title: string; game: string }) {
  const words = useWords();
  const format = useFormat();
  const [status, behindMs, refused] = usePart(channel, (view) => [view.status, view.behindMs, refusalOf(view) !== null]);
  const [viewers] = usePart(channel, ({ doc }) => [number(doc.viewers)]);
  return (
    <div className={shell.heading}>
      <h1><bdi>{title}</bdi></h1>
      <span className={shell.soft}>{game}</span>
      {viewers ? <span className={shell.soft}>{words.seen(format.number(viewers))}</span> : null}
      <StateMark status={status} behindMs={behindMs} refused={refused} />
      <ChannelPause channel={channel} of={words.match} />
    </div>
  );
}

/** Says why the picture stands still, with the last known state below it. Its place is kept by nothing: it is seldom there. */
function Banner({ channel }: { channel: string }) {
  const words = useWords();
  const { word } = useConnection();
  const [status] = usePart(channel, (view) => [view.status]);
  const [winner] = usePart(channel, ({ doc }) => [teamsOf(doc).find(({ id }) => id === doc.winner)?.name ?? null]);
  const said =
    word === "offline" ? words.offline
    : status === "paused" ? words.paused
    : status === "ended" ? `${words.ended}${winner === null ? "" : ` ${words.won(isolated(winner))}.`}`
    : null;
  if (said === null) return null;
  return (
    <p className={styles.banner} data-state={word === "offline" ? word : status} data-testid="banner">
      <Sentence text={said} />
    </p>
  );
}

function Version({ channel }: { channel: string }) {
  const words = useWords();
  const [version] = usePart(channel, (view) => [view.version]);
  return (
    <footer className={styles.foot}>
      {words.version} <span className={styles.version} style={{ inlineSize: `${version?.length ?? 0}ch` }} data-testid="version">{version}</span>
    </footer>
  );
}

/** The page's parts at their sizes, before anything is known. */
function Waiting({ title }: { title: string }) {
  return (
    <article className={styles.match} aria-busy="true">
      <div className={shell.heading}>
        <h1>…</h1>
        <StateMark status="live" behindMs={0} begun={false} />
      </div>
      <section className={styles.score} aria-label={title} />
      <div className={styles.columns}>
        <div className={shell.panel}>
          <Skeleton rem={34} />
        </div>
        <div className={shell.panel}>
          <Skeleton rem={30} />
        </div>
      </div>
    </article>
  );
}
