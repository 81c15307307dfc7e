/**
 * The viewer's token: handed over as `#token=…` (a fragment never leaves the browser), by the page that this one is framed in, or in a
 * form; kept for this tab only.
 */
const KEY = "grandstand.token";
let held: string | null = null;
let changed = (): void => {};

/** Takes the token out of the address, so that a copied address carries none; whether there was one. */
export function takeToken(): boolean {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const given = fragment.get("token");
  if (given === null) return false;
  fragment.delete("token");
  const rest = fragment.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest && `#${rest}`));
  keepToken(given || null);
  return true;
}

/** From now on tokens are taken whenever they come; `then` is called after each. */
export function followTokens(then: () => void): void {
  changed = then;
  addEventListener("hashchange", () => takeToken() && changed());
  // Only pages that may frame this one can (Content-Security-Policy, `page.frame_ancestors`): what they may show, they may open.
  addEventListener("message", ({ source, data }: MessageEvent<unknown>) => {
    if (window.parent === window || source !== window.parent || typeof data !== "object" || data === null) return;
    const { type, token } = data as { type?: unknown; token?: unknown };
    if (type === "grandstand-token" && typeof token === "string") renewToken(token);
  });
}

/** Another token from now on. */
export function renewToken(token: string): void {
  keepToken(token || null);
  changed();
}

/** Tells the page that this one is framed in that its viewer was refused, so that it can hand over another token. */
export function tellFrame(code: string): void {
  if (window.parent !== window) window.parent.postMessage({ type: "grandstand-refused", code }, "*");
}

function keepToken(token: string | null): void {
  held = token;
  try {
    if (token === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
  } catch {
    // Held in memory until the page is left.
  }
}

export function currentToken(): string | null {
  if (held === null)
    try {
      held = sessionStorage.getItem(KEY);
    } catch {
      return null;
    }
  return held;
}
