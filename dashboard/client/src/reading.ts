/** Messages as they come, held against the protocol: what is none of its messages is told apart, not trusted. */
import { DOCUMENT_DEPTH_MAX, ERROR_CODES, FORMS, VERSION, type ErrorCode, type JsonObject, type ServerMessage } from "./messages.js";

/** What was heard and is no message of the protocol; the channel that it names, where it names one. */
export interface Malformed {
  type: "malformed";
  channel: string | null;
}

export type Heard = ServerMessage | Malformed;

/** Whether it says that the token is not, or no longer, good enough to be let in at all. */
export const isRefusal = (message: Heard): boolean => message.type === "error" && (message.code === "unauthorized" || message.code === "token_expired");

/** The message that a text holds; `channel`: the only one that it can be about. */
export function read(text: string, channel: string | null = null): Heard {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    // Not even JSON.
  }
  if (isObject(message)) {
    const form = typeof message.type === "string" && Object.hasOwn(FORMS, message.type) ? FORMS[message.type]! : null;
    const fields = message;
    if (form !== null && Object.entries(form).every(([name, kind]) => fits(fields[name], kind))) return message as unknown as ServerMessage;
    if (typeof message.channel === "string") channel = message.channel;
  }
  return { type: "malformed", channel };
}

const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

function fits(value: unknown, form: string): boolean {
  if (value === undefined) return form.endsWith("?");
  const kinds = form.replace("?", "");
  if (kinds.endsWith("0")) return value === null || fits(value, kinds.slice(0, -1));
  if (kinds.endsWith("*")) return Array.isArray(value) && value.every((item) => fits(item, kinds.slice(0, -1)));
  if (kinds.length > 1) return Array.isArray(value) && value.length === kinds.length && value.every((item, i) => fits(item, kinds[i]!));
  if (kinds === "o") return isObject(value) && isShallow(value, DOCUMENT_DEPTH_MAX);
  if (kinds === "n") return Number.isInteger(value);
  return typeof value === "string" && (kinds === "t" || (kinds === "v" ? VERSION.test(value) : ERROR_CODES.includes(value as ErrorCode)));
}

/** Merging goes as deep as what is merged: a depth without bound would end on the stack's. */
const isShallow = (value: unknown, depth: number): boolean =>
  depth >= 0 && (typeof value !== "object" || value === null || Object.values(value).every((member) => isShallow(member, depth - 1)));
