/** Parts in files of their own. One whose file did not come is asked for anew when it is tried again: React keeps a failure for ever. */
import { createElement, lazy, type ComponentType, type LazyExoticComponent } from "react";

const notLoaded = new Set<() => void>();

/** A part whose file is loaded when it is shown, or before by `begin`: what is there when it is first shown needs no placeholder. */
export type Loaded<P> = ComponentType<P> & { begin: () => Promise<void> };

export function loaded<P extends object>(load: () => Promise<ComponentType<P>>): Loaded<P> {
  let now: ComponentType<P> | LazyExoticComponent<ComponentType<P>>;
  let shown = false;
  const renew = (): void => {
    now = lazy(async () => {
      try {
        return { default: await load() };
      } catch (error) {
        notLoaded.add(renew);
        throw error;
      }
    });
  };
  renew();
  function Part(props: P) {
    shown = true;
    return createElement(now as ComponentType<P>, props);
  }
  const begin = async (): Promise<void> => {
    const part = await load();
    // Another component in its place would begin anew.
    if (!shown) now = part;
  };
  return Object.assign(Part, { begin });
}

export function loadAgain(): void {
  for (const renew of notLoaded) renew();
  notLoaded.clear();
}
