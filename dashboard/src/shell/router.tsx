/** Addresses and links that do not reload. Small on purpose: a page is a pattern, its parameters and a component. */
import { useSyncExternalStore, type ReactNode } from "react";

export type Params = Readonly<Record<string, string>>;

/** The parameters of a path that fits a pattern such as `/match/:id`; null if it does not fit. */
export function matchPath(pattern: string, path: string): Params | null {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const value = given[i]!;
    if (part.startsWith(":")) {
      try {
        params[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (part !== value) return null;
  }
  return params;
}

const follow = (changed: () => void): (() => void) => {
  addEventListener("popstate", changed);
  return () => removeEventListener("popstate", changed);
};

export const usePath = (): string => useSyncExternalStore(follow, () => location.pathname);

export const useSearch = (): string => useSyncExternalStore(follow, () => location.search);

/** One parameter of the query, `?at=…`; null if it is not there. */
export const useQueryParam = (name: string): string | null =>
  useSyncExternalStore(follow, () => new URLSearchParams(location.search).get(name));

/** Goes to an address of the page; `replace` leaves no step to go back to. */
export function navigate(to: string, { replace = false }: { replace?: boolean } = {}): void {
  const moved = new URL(to, location.href).pathname !== location.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  dispatchEvent(new PopStateEvent("popstate"));
  if (moved) scrollTo(0, 0);
}

interface LinkProps {
  to: string;
  children: ReactNode;
  className?: string | undefined;
  label?: string;
  current?: boolean;
  tabIndex?: number;
}

export function Link({ to, children, className, label, current, tabIndex }: LinkProps) {
  return (
    <a
      href={to}
      className={className}
      aria-label={label}
      tabIndex={tabIndex}
      aria-current={current ? "page" : undefined}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        navigate(to);
      }}
    >
      {children}
    </a>
  );
}
