/** What a page is called: in the browser's tab, and told to a screen reader when somebody has gone there. */
import { useEffect } from "react";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";

const titles = createStore<{ now: string | null; told: string }>(() => ({ now: null, told: "" }));

/** Names the page; null while that is not known. */
export function useTitle(title: string | null): void {
  useEffect(() => {
    if (title === null) return;
    document.title = `${title} · Grandstand`;
    const { now } = titles.getState();
    // The first page's title is read out by itself.
    if (title !== now) titles.setState({ now: title, told: now === null ? "" : title });
  }, [title]);
}

/** The page that was gone to; empty for the first one. */
export const useToldTitle = (): string => useStore(titles, ({ told }) => told);
