/** The examples show what is on now: channels are chosen from the gateway's list of matches, those named in the address first. */

interface Listed {
  channel: string;
  status?: string;
}

const NONE = "match:42";

async function channels(): Promise<string[]> {
  const named = new URLSearchParams(location.search).getAll("channel");
  const answer = await fetch("/v1/matches").catch(() => null);
  const body: { matches?: Listed[] } = answer?.ok ? await answer.json() : {};
  const rank = (match: Listed): number => (match.status === "live" ? 0 : 1);
  const listed = (body.matches ?? []).sort((a, b) => rank(a) - rank(b)).map((match) => match.channel);
  return [...new Set([...named, ...listed])];
}

const found = await channels();
for (const element of document.querySelectorAll<HTMLElement>("[data-nth]")) {
  const channel = found[Number(element.dataset.nth) % Math.max(1, found.length)] ?? NONE;
  if (element.localName === "grandstand-match") element.setAttribute("channel", channel);
  else element.textContent = channel;
}
for (const element of document.querySelectorAll(".origin")) element.textContent = location.origin;

// What moves by itself can be stopped (WCAG 2.2, 2.2.2); how a site does it is the site's affair.
const button = document.querySelector<HTMLButtonElement>("#pause");
button?.addEventListener("click", () => {
  const stop = button.textContent === "Pause all";
  for (const element of document.querySelectorAll("grandstand-match")) element.toggleAttribute("paused", stop);
  button.textContent = stop ? "Resume all" : "Pause all";
});

export {};
