export * from "./messages.js";
export { merge } from "./patch.js";
export { read, type Heard, type Malformed } from "./reading.js";
export { Viewer, type Action } from "./viewer.js";
export { Backoff } from "./reconnect.js";
export { Signal } from "./signal.js";
export { statusOf, type Connection, type Status, type TransportKind } from "./status.js";
export { Live, type Options } from "./live.js";
