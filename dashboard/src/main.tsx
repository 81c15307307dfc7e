import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { startBeats } from "./perf/beats.js";
import { renewAccess } from "./live/store.js";
import { App, begin } from "./shell/App.js";
import { applyPreferences } from "./shell/preferences.js";
import "./shell/theme.css";
import { followTokens, takeToken } from "./shell/token.js";

const PLACEHOLDER_AFTER_MS = 150;

takeToken();
followTokens(renewAccess);
applyPreferences();
startBeats();
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
void Promise.race([pause, begin(location.pathname).catch(() => pause)]).then(render);
