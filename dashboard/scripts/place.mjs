// node scripts/place.mjs BUILT PLACE: puts a whole build where the gateway reads it, instead of the one that is there; never a part of it.
// A directory cannot be renamed over another that holds something: for a moment there is none, which the gateway waits out.
import { rename, rm } from "node:fs/promises";

const [built, place] = process.argv.slice(2);
const before = `${built}.before`;
await rm(before, { recursive: true, force: true });
let replaced = true;
await rename(place, before).catch((error) => {
  if (error.code !== "ENOENT") throw error;
  replaced = false;
});
try {
  await rename(built, place);
} catch (error) {
  if (replaced) await rename(before, place);
  throw error;
}
await rm(before, { recursive: true, force: true });
