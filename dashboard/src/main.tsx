import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { startBeats } from "./perf/beats.js";
import { begin, LOBBY, renewAccess } from "./live/store.js";
import { App, begin as beginPage } from "./shell/App.js";
import { applyPreferences } from "./shell/preferences.js";
import { matchPath } from "./shell/router.js";
import "./shell/theme.css";
import { followTokens, takeToken } from "./shell/token.js";

const PLACEHOLDER_AFTER_MS = 150;

takeToken();
followTokens(renewAccess);
applyPreferences();
startBeats();
// What the address is about is asked for at once: a part of the page asks when it is there, which is after the first paint.
const { pathname } = location;
if (pathname === "/") begin(LOBBY);
for (const kind of ["match", "board"]) {
  const about = matchPath(`/${kind}/:id`, pathname);
  if (about !== null) begin(`${kind}:${about.id}`);
}
const root = document.getElementById("root");
const render = (): void => {
  if (root !== null)
    createRoot(root).render(
      <StrictMode>
        <App />
      </StrictMode>,
    );
};
// Once a placeholder is shown, React keeps it for 300 ms: it waits a moment for the page's file, which has been on its way since the
// document came. Where that does not come, it is told where the page would be.
const pause = new Promise((over) => setTimeout(over, PLACEHOLDER_AFTER_MS));
void Promise.race([pause, beginPage(pathname).catch(() => pause)]).then(render);
