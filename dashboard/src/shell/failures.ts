/** How many parts of the page could not be shown, for the report to the gateway. */
let failures = 0;

export function countFailure(): void {
  failures++;
}

/**
 * Gives their number to `tell`; those that it could not tell are told the next time, with what has failed since.
 *
 * @param tell whether it was told.
 */
export async function tellFailures(tell: (count: number) => Promise<boolean>): Promise<void> {
  const count = failures;
  if (await tell(count)) failures -= count;
}
