// Drives one page for the browser tests: a JSON command a line on stdin, a JSON answer a line on stdout.
import { createInterface } from "node:readline";
import axe from "axe-core";
import { chromium } from "playwright-core";

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
const page = await context.newPage();
const problems = [];
const requests = [];
page.on("request", (request) => requests.push(request.url()));
page.on("pageerror", (error) => problems.push(String(error)));
page.on("console", (message) => {
  if (message.type() === "error" && /Content Security Policy/.test(message.text())) problems.push(message.text());
});

const commands = {
  async open({ url }) {
    await page.goto(url);
    await page.evaluate(() => {
      window.marker = "same page";
      // Every word that the state mark has shown, in order.
      window.words = [];
      const note = () => {
        const word = document.querySelector("[data-testid=state]")?.getAttribute("data-state");
        if (word && window.words.at(-1) !== word) window.words.push(word);
      };
      new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
      note();
    });
  },
  async read() {
    return page.evaluate(() => {
      const text = (id) => document.querySelector(`[data-testid=${id}]`)?.textContent ?? null;
      return {
        marker: window.marker ?? null,
        words: window.words ?? [],
        state: document.querySelector("[data-testid=state]")?.getAttribute("data-state") ?? null,
        scores: [text("score-0"), text("score-1")],
        clock: text("clock"),
        version: text("version"),
        missing: text("missing"),
        feed: [...document.querySelectorAll("[data-testid=feed] li")].map((item) => item.textContent),
        cards: [...document.querySelectorAll("main ul a")].map((card) => card.getAttribute("href")),
        images: document.querySelectorAll("main img").length,
      };
    });
  },
  async offline({ value }) {
    await context.setOffline(value);
  },
  async click({ selector }) {
    await page.click(selector);
  },
  async evaluate({ script }) {
    return page.evaluate(script);
  },
  async fill({ selector, value }) {
    await page.fill(selector, value);
  },
  async press({ key, times = 1 }) {
    for (let i = 0; i < times; i += 1) await page.keyboard.press(key);
  },
  async hover({ selector }) {
    await page.hover(selector);
  },
  async emulate(media) {
    await page.emulateMedia(media);
  },
  async viewport(size) {
    await page.setViewportSize(size);
  },
  // What WCAG 2.2 AA forbids and axe finds, as lines of rule, place and why.
  async axe() {
    await page.evaluate(axe.source);
    return page.evaluate(async () => {
      const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
      const { violations } = await window.axe.run(document, { runOnly });
      return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
    });
  },
  async screenshot({ path }) {
    await page.screenshot({ path });
  },
  // The page's clock can be put forward from now on.
  async clock() {
    await page.clock.install();
  },
  async forward({ ms }) {
    await page.clock.fastForward(ms);
  },
  async requests({ part }) {
    return requests.filter((url) => url.includes(part)).length;
  },
  async problems() {
    return problems;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...args } = JSON.parse(line);
  try {
    const value = (await commands[command](args)) ?? null;
    process.stdout.write(`${JSON.stringify({ value })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ error: String(error) })}\n`);
  }
}
await browser.close();
