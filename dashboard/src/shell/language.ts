/** Words in the viewer's language: a typed map beside each part of the page, and `Intl` for numbers and times. */
import { useMemo } from "react";
import { preferences, usePreference, type Language } from "./preferences.js";

type Word = string | ((...values: never[]) => string);
type Words = Record<string, Word>;
type Same<T extends Words> = { [K in keyof T]: T[K] extends string ? string : T[K] };

/**
 * A map of words: `const useWords = defineWords({ en: { hello: "Hello" }, de: { hello: "Hallo" } })`.
 *
 * A word with values is a function: `{ behind: (seconds: string) => \`${seconds} s behind\` }`. A word that is missing in one
 * language is an error of the compiler. The result is a hook; outside of React call its `now()`.
 */
export function defineWords<T extends Words>(words: { en: T } & Record<Exclude<Language, "en">, NoInfer<Same<T>>>): (() => Same<T>) & { now: () => Same<T> } {
  const all = words as Record<Language, Same<T>>;
  return Object.assign(() => all[usePreference("language")], { now: () => all[preferences.getState().language] });
}

export interface Format {
  number: (value: number) => string;
  /** 12,345 as 12.3K. */
  compact: (value: number) => string;
  decimal: (value: number, digits: number) => string;
  percent: (share: number) => string;
  /** Day and time of a unix time. */
  dateTime: (ms: number) => string;
  /** “3 minutes ago”, “in 2 hours”. */
  relative: (ms: number, nowMs: number) => string;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7], ["week", 5], ["month", 12], ["year", Infinity]];

export function formatOf(language: Language): Format {
  const plain = new Intl.NumberFormat(language);
  const compact = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
  const percent = new Intl.NumberFormat(language, { style: "percent" });
  const dateTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  // A time of others may lie beyond all dates.
  const when = (ms: number): string => (Number.isFinite(new Date(ms).getTime()) ? dateTime.format(ms) : "–");
  return {
    number: (value) => plain.format(value),
    compact: (value) => compact.format(value),
    decimal: (value, digits) => value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    percent: (share) => percent.format(share),
    dateTime: when,
    relative: (ms, nowMs) => {
      let away = (ms - nowMs) / 1000;
      for (const [unit, size] of STEPS) {
        if (Math.abs(away) < size) return relative.format(Math.round(away), unit);
        away /= size;
      }
      return when(ms);
    },
  };
}

export function useFormat(): Format {
  const language = usePreference("language");
  return useMemo(() => formatOf(language), [language]);
}
