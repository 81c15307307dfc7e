import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { startBeats } from "./perf/beats.js";
import { App } from "./shell/App.js";
import { applyPreferences } from "./shell/preferences.js";
import "./shell/theme.css";
import { takeToken } from "./shell/token.js";

takeToken();
applyPreferences();
startBeats();
const root = document.getElementById("root");
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
