// The server's clock, as near as a page knows it. A computer's own may be minutes off, and what
// happened at the server is timed by the server's.

let aheadMs = 0;

/**
 * Takes in what the server's clock said in a message that has just come.
 * @param {number} serverMs
 */
export function hearTime(serverMs) {
  aheadMs = serverMs - Date.now();
}

/** Gives the moment, in milliseconds since 1970, by the server's clock. */
export function now() {
  return Date.now() + aheadMs;
}
