// The installed Chromium, as a test or a screenshot starts it.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
const START_MS = 60_000;

const program = () => PLACES.find((place) => existsSync(place));

export const launch = (...more) => chromium.launch({ executablePath: program(), args: [...QUIET, ...more] });

/**
 * The same as a person has it: a tab behind another one is hidden, gets no frames and its timers come once a second. What playwright
 * starts itself never hides a tab.
 *
 * @returns the browser's own context, and what ends it.
 */
export async function launchPlain() {
  const directory = mkdtempSync(join(tmpdir(), "grandstand-browser-"));
  const own = spawn(program(), [...QUIET, "--headless", "--window-size=1280,860", "--remote-debugging-port=0", `--user-data-dir=${directory}`, "about:blank"], { stdio: "ignore", detached: true });
  const ended = new Promise((resolve) => own.once("exit", resolve));
  const until = Date.now() + START_MS;
  let port = "";
  while (port === "") {
    const file = join(directory, "DevToolsActivePort");
    if (existsSync(file)) port = readFileSync(file, "utf8").split("\n")[0];
    if (own.exitCode !== null || Date.now() > until) throw new Error("Chromium does not come up");
    await pause(50);
  }
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { noDefaults: true });
  const close = async () => {
    // All its processes at once: asked to end they may take their time, and write until then. Nothing of it is kept.
    process.kill(-own.pid, "SIGKILL");
    await ended;
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 20 });
  };
  return { context: browser.contexts()[0], close };
}
