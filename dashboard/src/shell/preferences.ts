/** What a viewer has chosen, kept in this browser: colours, language, and whether things move by themselves. */
import { useSyncExternalStore } from "react";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";

export type Theme = "system" | "light" | "dark";
export const LANGUAGES = ["en", "de"] as const;
export type Language = (typeof LANGUAGES)[number];
/** What a screen reader is told of a match without being asked. */
export type Announce = "off" | "important" | "all";

export interface Preferences {
  theme: Theme;
  language: Language;
  announce: Announce;
}

const KEY = "grandstand.preferences";

function byBrowser(): Language {
  const wanted = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return LANGUAGES.find((language) => wanted.find((tag) => LANGUAGES.some((known) => known === tag)) === language) ?? "en";
}

function stored(): Partial<Preferences> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {}; // Storage is closed to us, or holds what somebody else wrote: the defaults will do.
  }
}

function initial(): Preferences {
  const { theme, language, announce } = stored();
  return {
    theme: theme === "light" || theme === "dark" ? theme : "system",
    language: LANGUAGES.find((known) => known === language) ?? byBrowser(),
    announce: announce === "off" || announce === "all" ? announce : "important",
  };
}

export const preferences = createStore<Preferences>(initial);

/** Changes some of them, and keeps them where the browser lets us. */
export function prefer(change: Partial<Preferences>): void {
  preferences.setState(change);
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences.getState()));
  } catch {
    // Kept for this visit only.
  }
}

export const usePreference = <K extends keyof Preferences>(name: K): Preferences[K] =>
  useStore(preferences, (state) => state[name]);

const DARK = "(prefers-color-scheme: dark)";
/** Only listened to: Chromium tells nothing of a change to a list that was read before it had told. */
const dark = matchMedia(DARK);
const isDark = (): boolean => matchMedia(DARK).matches;

/** The colours that are shown: the viewer's choice, else the system's. */
export function useScheme(): "light" | "dark" {
  const theme = usePreference("theme");
  const system = useSyncExternalStore(followSystem, isDark);
  return theme === "system" ? (system ? "dark" : "light") : theme;
}

function followSystem(changed: () => void): () => void {
  dark.addEventListener("change", changed);
  return () => dark.removeEventListener("change", changed);
}

/** Puts the colours and the language on the document, and keeps them right. */
export function applyPreferences(): void {
  const apply = (): void => {
    const { theme, language } = preferences.getState();
    document.documentElement.dataset.theme = theme === "system" ? (isDark() ? "dark" : "light") : theme;
    document.documentElement.lang = language;
  };
  apply();
  preferences.subscribe(apply);
  dark.addEventListener("change", apply);
}
