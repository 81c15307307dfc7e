/** How many parts of the page could not be shown, for the report to the gateway. */
let failures = 0;

export function countFailure(): void {
  failures++;
}

/** Since it was asked last. */
export function takeFailures(): number {
  const since = failures;
  failures = 0;
  return since;
}
