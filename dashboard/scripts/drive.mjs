// Drives a browser for the tests: a JSON command a line on stdin, a JSON answer a line on stdout. Tabs have names.
// --plain: one in which tabs can be hidden. --diary: pages write down what they know and show (diary.mjs).
import { createInterface } from "node:readline";
import axe from "axe-core";
import { launch, launchPlain } from "./chromium.mjs";
import { diary } from "./diary.mjs";

async function begin() {
  if (process.argv.includes("--plain")) return launchPlain();
  const browser = await launch();
  return { context: await browser.newContext({ viewport: { width: 1280, height: 860 } }), close: () => browser.close() };
}

const { context, close } = await begin();
if (process.argv.includes("--diary")) await context.addInitScript(diary);
const problems = [];
const requests = [];
const tabs = new Map();
/** The newest WebSocket of tabs that are tapped. */
const tapped = new Map();

/** Every word that the state mark has shown, in order; and a mark that does not outlive a reload. */
const observe = () => {
  window.marker = "same page";
  window.words = [];
  const note = () => {
    const word = document.querySelector("[data-testid=state]")?.getAttribute("data-state");
    if (word && window.words.at(-1)?.[0] !== word) window.words.push([word, performance.now()]);
  };
  new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
  note();
};

async function tabOf(name = "first") {
  let tab = tabs.get(name);
  if (tab === undefined) {
    const page = await context.newPage();
    page.on("request", (request) => requests.push(request.url()));
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && /Content Security Policy/.test(message.text())) problems.push(message.text());
    });
    tab = { page, cdp: await context.newCDPSession(page) };
    tabs.set(name, tab);
  }
  return tab;
}

/** Bytes of a heap snapshot by the type of what holds them. */
async function sizesByType(cdp) {
  const pieces = [];
  const take = ({ chunk }) => pieces.push(chunk);
  cdp.on("HeapProfiler.addHeapSnapshotChunk", take);
  await cdp.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  cdp.off("HeapProfiler.addHeapSnapshotChunk", take);
  const { snapshot, nodes } = JSON.parse(pieces.join(""));
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, size] = [fields.indexOf("type"), fields.indexOf("self_size")];
  const sizes = {};
  for (let at = 0; at < nodes.length; at += fields.length) {
    const name = types[0][nodes[at + type]];
    sizes[name] = (sizes[name] ?? 0) + nodes[at + size];
  }
  return sizes;
}

const commands = {
  /** `until`: when it counts as opened; a page that waits for a file of its own has not loaded. */
  async open({ url, tab, until = "load" }) {
    const { page } = await tabOf(tab);
    await page.goto(url, { waitUntil: until });
    await page.evaluate(observe);
  },
  /** Headers that every request of the page has from now on. */
  async headers({ tab, values }) {
    const { page } = await tabOf(tab);
    await page.setExtraHTTPHeaders(values);
  },
  async read({ tab }) {
    const { page } = await tabOf(tab);
    return page.evaluate(() => {
      const text = (id) => document.querySelector(`[data-testid=${id}]`)?.textContent ?? null;
      return {
        marker: window.marker ?? null,
        words: (window.words ?? []).map(([word]) => word),
        state: document.querySelector("[data-testid=state]")?.getAttribute("data-state") ?? null,
        scores: [text("score-0"), text("score-1")],
        clock: text("clock"),
        banner: text("banner"),
        version: text("version"),
        missing: text("missing"),
        feed: [...document.querySelectorAll("[data-testid=feed] li")].map((item) => item.textContent.slice(item.querySelector("[data-testid=when]").textContent.length)),
        when: [...document.querySelectorAll("[data-testid=when]")].map((time) => time.textContent),
        cards: [...document.querySelectorAll("main li > a:first-child")].map((card) => card.getAttribute("href")),
        images: document.querySelectorAll("main img").length,
        visibility: document.visibilityState,
        connection: window.grandstand?.connection.value ?? null,
      };
    });
  },
  /** The document that the page holds of a channel, and its version. */
  async held({ tab, channel }) {
    const { page } = await tabOf(tab);
    return page.evaluate((name) => {
      const viewer = window.grandstand.view(name);
      return viewer ? { version: viewer.version, state: viewer.doc } : null;
    }, channel);
  },
  /** The rows of a table as text, by their first cell. */
  async table({ tab, id }) {
    const { page } = await tabOf(tab);
    return page.$$eval(`[data-testid=${id}] tr`, (rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
  },
  async evaluate({ tab, script }) {
    const { page } = await tabOf(tab);
    return page.evaluate(script);
  },
  /** Requests whose address has this part get no answer (`hold`) or fail as in a network that is away; without a part all do well again. */
  async hinder({ part, how = "hold" }) {
    if (part === undefined) return context.unrouteAll({ behavior: "ignoreErrors" });
    await context.route((url) => url.href.includes(part), (route) => (how === "fail" ? route.abort() : undefined));
  },
  /** The next answer to requests with this part in their address is this, whatever the server says. */
  async spoil({ part, body, type }) {
    await context.route((url) => url.href.includes(part), (route) => route.fulfill({ status: 200, contentType: type, body }), { times: 1 });
  },
  /** What comes over the tab's WebSockets can be added to: before it is opened. */
  async tap({ tab = "first" }) {
    await (await tabOf(tab)).page.routeWebSocket(/\/v1\/live/, (socket) => {
      socket.connectToServer();
      tapped.set(tab, socket);
    });
  },
  async say({ tab = "first", text }) {
    tapped.get(tab).send(text);
  },
  async offline({ value }) {
    await context.setOffline(value);
  },
  /** Puts the tab behind another one, or to the front again; it is hidden then where the browser is a plain one. */
  async hide({ tab, value }) {
    await (await tabOf(value ? "in front" : tab)).page.bringToFront();
  },
  async throttle({ tab, rate }) {
    const { cdp } = await tabOf(tab);
    await cdp.send("Emulation.setCPUThrottlingRate", { rate });
  },
  /** Seconds that the page's thread has spent on tasks, and its clock. */
  async work({ tab }) {
    const { cdp } = await tabOf(tab);
    await cdp.send("Performance.enable");
    const { metrics } = await cdp.send("Performance.getMetrics");
    return Object.fromEntries(metrics.filter(({ name }) => /^(Timestamp|\w+Duration)$/.test(name)).map(({ name, value }) => [name, value]));
  },
  /** What the page holds once its garbage is collected: the whole heap; of it objects, strings, arrays and functions (not compiled code). */
  async heap({ tab }) {
    const { cdp } = await tabOf(tab);
    await cdp.send("HeapProfiler.collectGarbage");
    const { usedSize } = await cdp.send("Runtime.getHeapUsage");
    const { nodes, jsEventListeners } = await cdp.send("Memory.getDOMCounters");
    const sizes = await sizesByType(cdp);
    const { code, native, ...objects } = sizes;
    return { bytes: usedSize, objects: Object.values(objects).reduce((sum, size) => sum + size, 0), nodes, listeners: jsEventListeners };
  },
  async close({ tab }) {
    const { page } = await tabOf(tab);
    tabs.delete(tab);
    await page.close({ runBeforeUnload: false });
  },
  async click({ tab, selector }) {
    const { page } = await tabOf(tab);
    await page.click(selector);
  },
  async fill({ tab, selector, value }) {
    await (await tabOf(tab)).page.fill(selector, value);
  },
  async focus({ tab, selector }) {
    await (await tabOf(tab)).page.focus(selector);
  },
  async press({ tab, key, times = 1 }) {
    const { page } = await tabOf(tab);
    for (let i = 0; i < times; i += 1) await page.keyboard.press(key);
  },
  async hover({ tab, selector }) {
    await (await tabOf(tab)).page.hover(selector);
  },
  async emulate({ tab, ...media }) {
    const { page } = await tabOf(tab);
    await page.emulateMedia(media);
    // What follows is asked of a page that has heard of it.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  },
  /** What the page's origin may do from now on, of the browser's permissions. */
  async permit({ permissions }) {
    await context.clearPermissions();
    if (permissions.length > 0) await context.grantPermissions(permissions);
  },
  async viewport({ tab, ...size }) {
    await (await tabOf(tab)).page.setViewportSize(size);
  },
  async select({ tab, selector, value }) {
    await (await tabOf(tab)).page.selectOption(selector, value);
  },
  /** What WCAG 2.2 AA forbids and axe finds, as lines of rule, place and why; of these rules alone where they are given. */
  async axe({ tab, rules }) {
    const { page } = await tabOf(tab);
    if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
    return page.evaluate(async (chosen) => {
      const runOnly = chosen ?? ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
      const { violations } = await window.axe.run(document, { runOnly });
      return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
    }, rules ?? null);
  },
  async screenshot({ tab, path, fullPage = false }) {
    const { page } = await tabOf(tab);
    await page.screenshot({ path, fullPage });
  },
  /** The page's clock can be put forward from now on. */
  async clock({ tab }) {
    await (await tabOf(tab)).page.clock.install();
  },
  async forward({ tab, ms }) {
    await (await tabOf(tab)).page.clock.fastForward(ms);
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
await close();
