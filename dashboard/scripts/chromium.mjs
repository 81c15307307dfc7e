// The installed Chromium, as a test or a screenshot starts it.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];

export const launch = (...more) => chromium.launch({ executablePath: PLACES.find((place) => existsSync(place)), args: [...QUIET, ...more] });
