/** The viewer's token, handed over as `#token=…` (a fragment never leaves the browser) and kept for this tab only. */
const KEY = "grandstand.token";
let held: string | null = null;

/** Takes the token out of the address, so that a copied address carries none. */
export function takeToken(): void {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const given = fragment.get("token");
  if (given === null) return;
  fragment.delete("token");
  const rest = fragment.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest && `#${rest}`));
  keepToken(given);
}

export function keepToken(token: string | null): void {
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
