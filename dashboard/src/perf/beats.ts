/** Tells the gateway now and then how the page does: a few numbers, the kind of browser, the country if operators ask for it; nothing of the viewer. */
import { live } from "../live/store.js";
import { tellFailures } from "../shell/failures.js";
import { takeSample, watchFrames } from "./meter.js";
import { browserOf, countryOf, framesOf } from "./samples.js";

const FIRST_MS = 10_000;
const EVERY_MS = 60_000;
/** Frames are watched for so long before each report. */
const LOOK_MS = 2_000;

export function startBeats(): void {
  const later = (ms: number): void => void setTimeout(look, ms * (0.8 + 0.4 * Math.random()));
  const look = (): void => {
    later(EVERY_MS);
    if (document.visibilityState !== "visible") return;
    const times: number[] = [];
    const stop = watchFrames((time) => times.push(time));
    setTimeout(() => {
      stop();
      // A tab that was hidden meanwhile had no frames to miss.
      const frames = document.visibilityState === "visible" ? framesOf(times) : null;
      const country = countryOf(performance.getEntriesByType("navigation").flatMap((entry) => (entry as PerformanceNavigationTiming).serverTiming ?? []));
      const beat = {
        browser: browserOf(navigator.userAgent),
        ...(country !== null && { country }),
        tick_to_pixel_ms: takeSample().map((ms) => Math.round(ms * 10) / 10),
        ...(frames !== null && { fps: Math.min(1000, Math.round(frames.fps * 10) / 10), dropped_frames: frames.dropped }),
      };
      void tellFailures((failures) => live.beat({ ...beat, failures }));
    }, LOOK_MS);
  };
  later(FIRST_MS);
}
