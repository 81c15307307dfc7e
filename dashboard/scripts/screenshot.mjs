// node dashboard/scripts/screenshot.mjs URL OUT.png [--width N] [--height N] [--dark] [--wait MS]
import { chromium } from "playwright-core";

const [url, out, ...options] = process.argv.slice(2);
const option = (name, otherwise) => {
  const at = options.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(options[at + 1]);
};
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const page = await browser.newPage({
  viewport: { width: option("width", 1280), height: option("height", 860) },
  colorScheme: options.includes("--dark") ? "dark" : "light",
});
page.on("console", (message) => message.type() === "error" && console.error(message.text()));
await page.goto(url);
await page.waitForTimeout(option("wait", 2500));
await page.screenshot({ path: out });
await browser.close();
