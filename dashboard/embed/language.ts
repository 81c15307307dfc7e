/** The language of the place where an element stands, also across shadow roots, and when it changes. */

const followers = new Set<() => void>();
const observer = new MutationObserver(() => followers.forEach((follower) => follower()));

/** The tag that is nearest above the element; the browser's where nobody says one. */
export function languageOf(element: Element): string {
  for (let at: Element | null = element; at !== null; ) {
    const said: Element | null = at.closest("[lang]");
    if (said !== null && said.getAttribute("lang") !== "") return said.getAttribute("lang")!;
    const root: Node = at.getRootNode();
    at = root instanceof ShadowRoot ? root.host : null;
  }
  return navigator.language;
}

/** Calls when the site says another language somewhere, until the result is called. */
export function followLanguage(changed: () => void): () => void {
  if (followers.size === 0) observer.observe(document.documentElement, { subtree: true, attributes: true, attributeFilter: ["lang"] });
  followers.add(changed);
  return () => {
    followers.delete(changed);
    if (followers.size === 0) observer.disconnect();
  };
}
