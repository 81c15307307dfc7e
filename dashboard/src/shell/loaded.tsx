/** Parts in files of their own. One whose file did not come is asked for anew when it is tried again: React keeps a failure for ever. */
import { createElement, lazy, type ComponentType, type LazyExoticComponent } from "react";

const notLoaded = new Set<() => void>();

/** A part whose file is loaded when it is shown. */
export function loaded<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let now: LazyExoticComponent<ComponentType<P>>;
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
  return function Loaded(props: P) {
    return createElement(now as ComponentType<P>, props);
  };
}

export function loadAgain(): void {
  for (const renew of notLoaded) renew();
  notLoaded.clear();
}
