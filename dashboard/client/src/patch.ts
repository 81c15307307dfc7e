/** JSON Merge Patch (RFC 7396 section 2); what the patch does not touch is shared with the document. */
import type { Json, JsonObject } from "./messages.js";

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function merge(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else setOwn(result, name, merge(Object.hasOwn(result, name) ? result[name] : undefined, value));
  }
  return result;
}

/** `__proto__` in a document is a name like any other. */
function setOwn(target: JsonObject, name: string, value: Json): void {
  if (name === "__proto__") {
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  } else target[name] = value;
}
