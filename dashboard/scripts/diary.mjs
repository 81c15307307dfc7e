/**
 * Runs in a page before its own scripts: writes down what the page gets to know and what it shows, each with time and frame, so that
 * the one can be held against the other whatever the driver's own delay. Says nothing to the page and changes nothing for it.
 *
 * Known: "offline", "online", "hidden", "visible" (the browser); "woke" (the first timer after seconds without any); "open", "close" (a WebSocket); "answer PATH STATUS";
 * "told STATUS" and "score N" (a message's status, and the first team's score in it, by whatever way it came); "client WORD WAY".
 * Shown: "shows WORD" (the state mark), "shows score N".
 */
export function diary() {
  const SLEPT_MS = 5_000;
  const entries = [];
  let frame = 0;
  const note = (what) => entries.push({ what, at_ms: performance.now(), frame });
  window.diary = entries;
  const count = () => {
    frame += 1;
    requestAnimationFrame(count);
  };
  requestAnimationFrame(count);
  let lookedAt = performance.now();
  setInterval(() => {
    const now = performance.now();
    if (now - lookedAt > SLEPT_MS) note("woke");
    lookedAt = now;
  }, 100);

  for (const name of ["offline", "online"]) addEventListener(name, () => note(name), true);
  document.addEventListener("visibilitychange", () => note(document.visibilityState), true);

  const read = (text) => {
    const status = /"type":"(?:status|snapshot)".*"status":"(\w+)"/.exec(text)?.[1];
    if (status !== undefined) note(`told ${status}`);
    const score = /"red":\{[^{}]*?"score":(\d+)/.exec(text)?.[1];
    if (score !== undefined) note(`score ${score}`);
  };
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("open", () => note("open"));
      this.addEventListener("close", () => note("close"));
      this.addEventListener("message", ({ data }) => read(data));
    }
  };
  const { fetch } = window;
  window.fetch = async (...args) => {
    const answer = await fetch(...args);
    const { pathname } = new URL(answer.url);
    if (!pathname.startsWith("/v1/channels/")) return answer;
    note(`answer ${pathname} ${answer.status}`);
    // A 304 has a body here that no Response can be made with.
    if (answer.body === null || answer.status === 304) return answer;
    const decoder = new TextDecoder();
    const tap = new TransformStream({
      transform(chunk, controller) {
        read(decoder.decode(chunk, { stream: true }));
        controller.enqueue(chunk);
      },
    });
    return new Response(answer.body.pipeThrough(tap), answer);
  };

  let shownWord, shownScore;
  new MutationObserver(() => {
    const word = document.querySelector("[data-testid=state]")?.getAttribute("data-state") ?? undefined;
    const score = document.querySelector("[data-testid=score-0]")?.textContent ?? undefined;
    if (word !== shownWord) note(`shows ${(shownWord = word)}`);
    if (score !== shownScore) note(`shows score ${(shownScore = score)}`);
  }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });

  let live;
  Object.defineProperty(window, "grandstand", {
    get: () => live,
    set: (value) => {
      live = value;
      live.connection.follow(({ word, transport }) => note(`client ${word} ${transport ?? "-"}`));
    },
  });
}
