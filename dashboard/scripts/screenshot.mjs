// node dashboard/scripts/screenshot.mjs URL OUT.png [--width N] [--height N] [--dark] [--wait MS]
import { launch } from "./chromium.mjs";

const [url, out, ...options] = process.argv.slice(2);
const option = (name, otherwise) => {
  const at = options.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(options[at + 1]);
};
const browser = await launch();
const page = await browser.newPage({
  viewport: { width: option("width", 1280), height: option("height", 860) },
  colorScheme: options.includes("--dark") ? "dark" : "light",
});
page.on("console", (message) => message.type() === "error" && console.error(message.text()));
await page.goto(url);
await page.waitForTimeout(option("wait", 2500));
await page.screenshot({ path: out });
await browser.close();
