import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { startBeats } from "./perf/beats.js";
import { renewAccess } from "./live/store.js";
import { App } from "./shell/App.js";
import { applyPreferences } from "./shell/preferences.js";
import "./shell/theme.css";
import { followTokens, takeToken } from "./shell/token.js";

takeToken();
followTokens(renewAccess);
applyPreferences();
startBeats();
const root = document.getElementById("root");
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
