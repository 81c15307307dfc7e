import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { startBeats } from "./perf/beats.js";
import { begin, LOBBY, renewAccess } from "./live/store.js";
import { App } from "./shell/App.js";
import { applyPreferences } from "./shell/preferences.js";
import { matchPath } from "./shell/router.js";
import "./shell/theme.css";
import { followTokens, takeToken } from "./shell/token.js";

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
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
