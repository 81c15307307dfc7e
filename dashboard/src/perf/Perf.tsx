/** Opens the performance panel: by `?perf` in the address, or Alt + Shift + P. */
import { Suspense, useEffect, useRef, useState } from "react";
import { Boundary } from "../shell/Boundary.js";
import { loaded } from "../shell/loaded.js";
import { useQueryParam } from "../shell/router.js";

const PerfPanel = loaded(async () => (await import("./PerfPanel.js")).default);

export function Perf() {
  const asked = useQueryParam("perf") !== null;
  const [open, setOpen] = useState(asked);
  const [byKey, setByKey] = useState(false);
  const before = useRef<Element | null>(null);
  const close = (): void => {
    setOpen(false);
    // Back to where the reader was.
    if (before.current instanceof HTMLElement && before.current.isConnected) before.current.focus({ preventScroll: true });
    else document.getElementById("main")?.focus({ preventScroll: true });
  };
  const toggle = useRef(() => {});
  toggle.current = () => {
    if (open) return close();
    before.current = document.activeElement === document.body ? null : document.activeElement;
    setByKey(true);
    setOpen(true);
  };
  useEffect(() => {
    if (asked) setOpen(true);
  }, [asked]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.altKey && event.shiftKey && event.code === "KeyP") {
        event.preventDefault();
        toggle.current();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return open ? (
    <Boundary>
      <Suspense fallback={null}>
        <PerfPanel close={close} focused={byKey} />
      </Suspense>
    </Boundary>
  ) : null;
}
