/** Measures the page: how long messages take to be seen, and how evenly frames come. Costs next to nothing while nobody looks. */
import { Reservoir } from "./samples.js";

const SAMPLE = 20;
const RECENT = 400;

/** For the report to the gateway. */
const sample = new Reservoir(SAMPLE);
const recent: number[] = [];
let arrivedAt = 0;

const painted = new MessageChannel();
let shownSince = 0;
// What is posted in a frame is received when that frame has been drawn.
painted.port1.onmessage = () => {
  const took = performance.now() - shownSince;
  sample.offer(took);
  recent.push(took);
  if (recent.length > RECENT) recent.splice(0, recent.length - RECENT);
};

/** A message has come that will be shown. */
export function messageArrived(): void {
  if (arrivedAt === 0) arrivedAt = performance.now();
}

/** What had come is being drawn in this frame. */
export function messagesShown(): void {
  if (arrivedAt === 0) return;
  // A hidden tab shows nothing.
  if (document.visibilityState === "visible") {
    shownSince = arrivedAt;
    painted.port2.postMessage(null);
  }
  arrivedAt = 0;
}

/** Milliseconds from a message's arrival to the frame that shows it, the newest last. */
export const recentDelays = (): readonly number[] => recent;

export const takeSample = (): number[] => sample.take();

/** Calls `seen` with the time of every frame until the result is called. */
export function watchFrames(seen: (time: number) => void): () => void {
  let handle = requestAnimationFrame(function frame(time) {
    seen(time);
    handle = requestAnimationFrame(frame);
  });
  return () => cancelAnimationFrame(handle);
}
