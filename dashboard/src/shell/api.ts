/** HTTP: JSON in, problem documents (RFC 9457) as errors, and the cache of what was asked. */
import { QueryClient } from "@tanstack/react-query";
import { currentToken } from "./token.js";

/** What the gateway says when it does not do what was asked; `status` 0 means that it was not reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "Problem";
  }
}

/**
 * Gets JSON from the gateway that served the page.
 *
 * Throws a Problem for every answer but a good one, and where there was none.
 */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const token = currentToken();
  let answer: Response;
  try {
    answer = await fetch(path, { headers: token === null ? {} : { authorization: `Bearer ${token}` }, ...(signal && { signal }) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "unreachable", "The gateway was not reached.");
  }
  const body: unknown = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body as T;
  const problem = (typeof body === "object" && body !== null ? body : {}) as { code?: unknown; detail?: unknown; title?: unknown };
  const said = [problem.detail, problem.title].find((part) => typeof part === "string");
  throw new Problem(answer.status, typeof problem.code === "string" ? problem.code : "internal", typeof said === "string" ? said : `The gateway answered ${answer.status}.`);
}

const passing = (error: Error): boolean => !(error instanceof Problem) || error.status === 0 || error.status >= 500 || error.status === 429;

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => failures < 3 && passing(error),
      retryDelay: (failures) => Math.random() * Math.min(30_000, 1_000 * 2 ** failures),
    },
  },
});
