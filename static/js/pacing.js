// How often a page asks the server anew when the ledger moves.

// What is busy must not make its pages ask without end.
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

/**
 * Makes a function that asks at once, and then once a second at most; once more where it was called
 * meanwhile. What could not be had is asked for again, each time a little later: until then the page
 * shows what was, and says nothing of it.
 * @param {() => Promise<void>} ask
 * @returns {() => void}
 */
export function paced(ask) {
  let [isPausing, isWanted] = [false, false];
  let retryAfter = PAUSE_MS;
  const retry = () => {
    setTimeout(soon, retryAfter);
    retryAfter = Math.min(LONGEST_PAUSE_MS, retryAfter * 2);
  };
  const soon = () => {
    isWanted = isPausing;
    if (isPausing) return;
    isPausing = true;
    ask().then(() => (retryAfter = PAUSE_MS), retry);
    setTimeout(() => {
      isPausing = false;
      if (isWanted) soon();
    }, PAUSE_MS);
  };
  return soon;
}
