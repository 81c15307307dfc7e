/** Whether the viewer is let in: what the gateway says of channels that are watched, and of what is asked over HTTP. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import { Problem, queries } from "../shell/api.js";
import { store, type ChannelView } from "./store.js";

export type Refusal = "unauthorized" | "forbidden";

const asRefusal = (code: string | undefined): Refusal | null => (code === "token_expired" || code === "unauthorized" ? "unauthorized" : code === "forbidden" ? code : null);

/** Why a channel is not shown, or no longer. */
export const refusalOf = (view: Pick<ChannelView, "error"> | undefined): Refusal | null => asRefusal(view?.error?.code);

/** Of what is asked over HTTP; operators' pages have a door of their own. */
const asked = createStore<{ refused: Refusal | null }>(() => ({ refused: null }));
queries.getQueryCache().subscribe(() => {
  const errors = queries.getQueryCache().findAll({ type: "active", predicate: ({ queryKey: [key] }) => !String(key).startsWith("/admin/") }).map(({ state }) => state.error);
  const refused = errors.map((error) => (error instanceof Problem ? asRefusal(error.code) : null)).find((one) => one !== null) ?? null;
  if (refused !== asked.getState().refused) asked.setState({ refused });
});

/** Null for who is let in everywhere. Renders with each refusal: one may be of another token than the one before. */
export function useRefusal(): Refusal | null {
  const error = useStore(store, ({ channels }) => Object.values(channels).find((view) => refusalOf(view) !== null)?.error);
  const watched = asRefusal(error?.code);
  const other = useStore(asked, ({ refused }) => refused);
  return watched ?? other;
}
