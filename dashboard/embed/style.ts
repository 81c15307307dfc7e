/**
 * The element's looks. What a site may change are the custom properties; everything else is out of its styles' reach.
 *
 * A team's colour is the site's, else the match's (`--team`), else ours. It may be as light as the card, or as dark: its edge stands out.
 */
export const STYLE = `
:host { display: block; max-width: 34rem; container-type: inline-size; contain: content; color-scheme: light dark;
  --b: var(--grandstand-background, #ffffff); --i: var(--grandstand-ink, #10172a); --s: var(--grandstand-soft, color-mix(in srgb, var(--i) 72%, var(--b))); --l: var(--grandstand-line, color-mix(in srgb, var(--i) 15%, var(--b)));
  --e: color-mix(in srgb, var(--i) 50%, var(--b)); --h: var(--grandstand-side-0, #0a5cc2); --a: var(--grandstand-side-1, #b9400a); --g: var(--grandstand-live, #0f6e45); --w: var(--grandstand-warn, #835000); }
:host([hidden]), [hidden] { display: none !important; }
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { DARK } }
:host([theme="dark"]) { DARK }
article { box-sizing: border-box; height: 100%; border: 1px solid var(--l); border-radius: var(--grandstand-radius, 14px); background: var(--b); color: var(--i); padding: 0.9rem 1rem; display: grid; gap: 0.7rem;
  font-family: var(--grandstand-font, ui-sans-serif, system-ui, "Segoe UI", Roboto, sans-serif); font-variant-numeric: tabular-nums; line-height: 1.3; min-height: 7.6rem; align-content: start; }
header, footer { display: flex; align-items: center; gap: 0.6rem; font-size: 0.82rem; color: var(--s); min-width: 0; }
h3 { font: inherit; margin: 0; min-width: 0; overflow-wrap: anywhere; unicode-bidi: plaintext; }
.status { margin-left: auto; display: inline-flex; align-items: center; gap: 0.4rem; white-space: nowrap; }
.status::before { content: ""; width: 0.55rem; height: 0.55rem; border-radius: 50%; background: var(--s); }
.status[data-status="live"]::before { background: var(--g); }
.status[data-status="behind"]::before, .status[data-status="paused"]::before, .status[data-status="reconnecting"]::before, .status[data-status="offline"]::before { background: var(--w); }
.score { display: grid; grid-template-columns: minmax(0, 1fr) auto minmax(0, 1fr); align-items: center; gap: 0.8rem; }
.team { font-weight: 650; font-size: 1.02rem; overflow-wrap: anywhere; display: grid; gap: 0.3rem; text-align: left; justify-items: left; }
.team::after { content: ""; height: 3px; border-radius: 2px; background: var(--grandstand-side-0, var(--team, var(--h))); width: 2.4rem; outline: 1px solid var(--e); }
.team + .numbers + .team { text-align: right; justify-items: right; }
.team + .numbers + .team::after { background: var(--grandstand-side-1, var(--team, var(--a))); }
.numbers { display: grid; justify-items: center; }
.numbers b { font-size: 2rem; font-weight: 740; letter-spacing: -0.02em; white-space: nowrap; }
.clock { font-size: 0.85rem; color: var(--s); }
.message { color: var(--s); margin: 0; font-size: 0.92rem; }
a { color: inherit; min-height: 1.5rem; display: inline-flex; align-items: center; }
footer a { margin-left: auto; }
a:focus-visible { outline: 3px solid var(--h); outline-offset: 2px; border-radius: 4px; }
@container (max-width: 24rem) {
  .score { grid-template: "home away" auto "numbers numbers" auto / minmax(0, 1fr) minmax(0, 1fr); gap: 0.35rem 0.8rem; }
  .numbers { grid-area: numbers; grid-auto-flow: column; align-items: baseline; justify-content: space-between; }
  .numbers b { font-size: 1.6rem; }
}
@media (forced-colors: active) { .status::before, .team::after { forced-color-adjust: none; outline-color: CanvasText; } }
`.replaceAll(
  "DARK",
  `--b: var(--grandstand-background, #121829); --i: var(--grandstand-ink, #edf1fa);  --h: var(--grandstand-side-0, #6db3ff); --a: var(--grandstand-side-1, #ff9c63); --g: var(--grandstand-live, #57d598); --w: var(--grandstand-warn, #f3bd57);`,
);
