/** Which player the viewer has said they are; kept in this browser, told to nobody. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";

const KEY = "grandstand.me";

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // Storage is closed to us: the viewer is nobody until they say so.
  }
}

const me = createStore<{ member: string | null }>(() => ({ member: stored() }));

export const useMe = (): string | null => useStore(me, ({ member }) => member);

export function setMe(member: string | null): void {
  me.setState({ member });
  try {
    if (member === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, member);
  } catch {
    // Kept for this visit only.
  }
}
