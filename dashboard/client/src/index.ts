export * from "./messages.js";
export { merge } from "./patch.js";
export { Viewer, type Action } from "./viewer.js";
export { Backoff } from "./reconnect.js";
export { Live, type Connection, type Options } from "./live.js";
