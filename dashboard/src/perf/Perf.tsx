/** Opens the performance panel: by `?perf` in the address, or Alt + Shift + P. */
import { lazy, Suspense, useEffect, useState } from "react";
import { Boundary } from "../shell/Boundary.js";
import { useQueryParam } from "../shell/router.js";

const PerfPanel = lazy(() => import("./PerfPanel.js"));

export function Perf() {
  const asked = useQueryParam("perf") !== null;
  const [open, setOpen] = useState(asked);
  useEffect(() => {
    if (asked) setOpen(true);
  }, [asked]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.altKey && event.shiftKey && event.code === "KeyP") {
        event.preventDefault();
        setOpen((was) => !was);
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return open ? (
    <Boundary>
      <Suspense fallback={null}>
        <PerfPanel close={() => setOpen(false)} />
      </Suspense>
    </Boundary>
  ) : null;
}
