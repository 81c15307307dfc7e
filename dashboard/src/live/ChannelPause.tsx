/** Stops the picture of a channel; the connection goes on behind it. */
import { PauseButton } from "../shell/PauseButton.js";
import { hold, release, useWaiting } from "./store.js";

export function ChannelPause({ channel, of }: { channel: string; of: string }) {
  const waiting = useWaiting(channel);
  return <PauseButton of={of} paused={waiting !== null} waiting={waiting} onChange={(paused) => (paused ? hold(channel) : release(channel))} />;
}
