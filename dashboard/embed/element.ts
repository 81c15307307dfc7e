/**
 * `<grandstand-match channel="match:42">`: one live match, for any site.
 *
 * Attributes: `channel`; `gateway`, the gateway's origin (by default where this file came from); `token`, which may be another one at
 * any time; `theme`, light or dark (by
 * default the system's); `link`, where “Watch” leads (by default the gateway's page of the match; `none` for no link); `lang`; `paused`,
 * while it is there nothing moves (for a site's own pause button).
 * Looks: custom properties `--grandstand-…` (style.ts) and the parts `card`, `title`, `status`, `team`, `score`, `clock`, `link`.
 * Tells with the event `grandstand-status` (detail: `status`, `version`, `refused`: why nothing comes, such as `unauthorized`) that its
 * state has changed.
 */
import type { JsonObject, Status } from "../client/src/index.js";
import { clockText, isObject, number, teamsOf, text, type Team } from "../src/match/document.js";
import { Ticking } from "../src/match/ticking.js";
import { watchShared, type Watching } from "./connections.js";
import { followLanguage, languageOf } from "./language.js";
import { STYLE } from "./style.js";
import { wordsFor } from "./words.js";

const HOME = new URL(import.meta.url).origin;
const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLE);

/** Hidden tabs get no frames; what they show is brought up to date this often. */
const HIDDEN_DRAW_MS = 500;

function make<K extends keyof HTMLElementTagNameMap>(name: K, part: string, parent: Node): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  element.className = part;
  element.setAttribute("part", part);
  return parent.appendChild(element);
}

/** Writes only what is new: unchanged text is not laid out again, and not read out again. */
function put(element: HTMLElement, value: string): void {
  if (element.textContent !== value) element.textContent = value;
}

function putTeam(element: HTMLElement, team: Team | undefined): void {
  put(element, team?.name ?? "–");
  element.style.setProperty("--team", team?.colour ?? "");
}

interface Seen {
  doc: JsonObject;
  known: boolean;
  status: Status;
  /** Why there is nothing; null where there is, or where nobody knows yet. */
  refused: string | null;
}

export class GrandstandMatch extends HTMLElement {
  static readonly observedAttributes = ["channel", "gateway", "token", "link", "lang", "paused"];

  private readonly parts;
  private watching: Watching | null = null;
  private unfollow: (() => void) | null = null;
  /** What is shown. */
  private seen: Seen | null = null;
  private scheduled = false;
  private told = "";
  private ticking = new Ticking();
  private tick: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    const card = make("article", "card", root);
    const header = card.appendChild(document.createElement("header"));
    const title = make("h3", "title", header);
    const status = make("span", "status", header);
    const row = make("div", "score", card);
    const home = make("bdi", "team", row);
    const numbers = make("span", "numbers", row);
    const away = make("bdi", "team", row);
    const score = make("b", "points", numbers);
    const clock = make("span", "clock", numbers);
    clock.setAttribute("role", "timer");
    score.setAttribute("role", "img");
    const message = make("p", "message", card);
    const link = make("a", "link", card.appendChild(document.createElement("footer")));
    this.parts = { card, title, status, row, home, away, score, clock, message, link };
  }

  connectedCallback(): void {
    this.seen = null;
    this.unfollow ??= followLanguage(() => this.schedule());
    this.follow();
  }

  disconnectedCallback(): void {
    this.watching?.stop();
    this.watching = null;
    this.unfollow?.();
    this.unfollow = null;
    clearTimeout(this.tick);
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    // Attributes that are there from the start come before it is connected: it begins once, with all of them.
    if (before === now || this.unfollow === null) return;
    if (name === "link" || name === "lang" || name === "paused") return this.schedule();
    // With another token the same match goes on.
    if (name !== "token") this.seen = null;
    this.follow();
  }

  get channel(): string {
    return this.getAttribute("channel") ?? "";
  }

  private get gateway(): string {
    try {
      return new URL(this.getAttribute("gateway") ?? HOME, document.baseURI).origin;
    } catch {
      return HOME;
    }
  }

  private follow(): void {
    this.watching?.stop();
    this.ticking = new Ticking();
    this.watching = this.channel ? watchShared(this.gateway, this.getAttribute("token"), this.channel, () => this.schedule()) : null;
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    const draw = (): void => {
      if (!this.scheduled) return;
      this.scheduled = false;
      this.draw();
    };
    if (document.visibilityState === "visible") requestAnimationFrame(draw);
    else setTimeout(draw, HIDDEN_DRAW_MS);
  }

  private draw(): void {
    const { parts, channel } = this;
    const words = wordsFor(languageOf(this));
    if (this.seen === null || !this.hasAttribute("paused")) this.seen = this.look();
    const { doc, known, status, refused } = this.seen;
    const [home, away] = teamsOf(doc);
    const id = channel.slice(channel.indexOf(":") + 1);
    const title = text(doc.title, id);
    const missing = refused === null ? "" : refused === "unknown_channel" ? words.missing : words.refused;

    put(parts.title, title);
    const word = known && missing !== "" && status !== "offline" ? "refused" : status;
    put(parts.status, words.status[word]);
    parts.status.dataset.status = word;
    // What is not there is neither live nor behind.
    parts.status.hidden = !known && missing !== "" && status === "live";
    // The site's own language may be a third one.
    for (const part of [parts.status, parts.message, parts.link]) part.lang = words.lang;
    parts.card.ariaBusy = String(!known && missing === "");
    parts.row.hidden = home === undefined && (known || missing !== "");
    putTeam(parts.home, home);
    putTeam(parts.away, away);
    put(parts.score, home === undefined ? "– : –" : `${home.score} : ${away?.score ?? 0}`);
    parts.score.setAttribute("aria-label", home === undefined ? "–" : words.score(`${home.name} ${home.score}`, `${away?.score ?? 0} ${away?.name ?? ""}`));
    put(parts.clock, this.clockNow(doc, status));
    put(parts.message, missing);
    parts.message.hidden = missing === "";
    this.drawLink(words.watch, title, id);
    this.tell(this.watching?.live.status(channel) ?? status, this.watching?.live.view(channel)?.version ?? null, this.watching?.live.errors.get(channel)?.code ?? null);
  }

  /** Between the messages that tell it a clock goes while the match does, and stands while nothing is heard of it. */
  private clockNow(doc: JsonObject, status: Status): string {
    clearTimeout(this.tick);
    const clock = isObject(doc.clock) ? doc.clock : {};
    const ms = number(clock.t_ms);
    if (ms === null) return clockText(doc);
    const goes = status === "live" || status === "behind";
    const stands = !goes && status !== "paused" && status !== "ended";
    const read = this.ticking.read(ms, clock.running === true && goes, stands || this.hasAttribute("paused"), performance.now());
    if (read.next !== null) this.tick = setTimeout(() => this.schedule(), read.next);
    return clockText({ clock: { t_ms: read.ms } });
  }

  /** What there is to show now. */
  private look(): Seen {
    const { channel } = this;
    const live = this.watching?.live;
    const viewer = live?.view(channel);
    const known = viewer !== undefined && viewer.version !== null;
    const code = live?.errors.get(channel)?.code ?? null;
    const status = live?.status(channel) ?? "connecting";
    // What was shown of the match stays until there is something newer of it.
    if (!known && this.seen?.known) return { ...this.seen, status: status === "live" ? "connecting" : status, refused: code };
    const refused = known && code !== "unauthorized" && code !== "forbidden" ? null : code;
    // The connection stands, but of this match nothing has come.
    return { doc: known ? viewer.doc : {}, known, status: status === "live" && !known && refused === null ? "connecting" : status, refused };
  }

  private drawLink(word: string, title: string, id: string): void {
    const { link } = this.parts;
    const wanted = this.getAttribute("link");
    link.hidden = wanted === "none" || id === "";
    link.href = wanted !== null && wanted !== "none" ? safeLink(wanted) : `${this.gateway}/match/${encodeURIComponent(id)}`;
    put(link, word);
    link.setAttribute("aria-label", `${word}: ${title}`);
  }

  private tell(status: Status, version: string | null, refused: string | null): void {
    const now = `${status} ${version} ${refused}`;
    if (now === this.told) return;
    this.told = now;
    this.dispatchEvent(new CustomEvent("grandstand-status", { detail: { status, version, refused }, bubbles: true }));
  }
}

/** An address that is no script. */
function safeLink(address: string): string {
  try {
    const url = new URL(address, document.baseURI);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : "#";
  } catch {
    return "#";
  }
}

if (!customElements.get("grandstand-match")) customElements.define("grandstand-match", GrandstandMatch);
