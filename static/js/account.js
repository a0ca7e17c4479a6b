// The account page: its form, its receipt, and what others post to the account meanwhile.

import { freshPage, takeOver } from "./parts.js";
import { bringBalance } from "./receipt.js";
import { startSlip } from "./slip.js";

// A busy account must not make its page ask without end.
const PAUSE_MS = 1_000;

/** @type {Document | null} */
let fresh = null;
let isPausing = false;
let isAskedAgain = false;

startSlip();
window.addEventListener("bankportal:entries", (event) => {
  const { detail } = /** @type {CustomEvent<import("./receipt.js").EntriesDetail>} */ (event);
  if (concernsUs(detail)) refreshSoon();
});
document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || !event.target.closest("[data-show-newer]")) return;
  if (fresh) takeOver(fresh, "entries");
});

/**
 * Tells whether somebody else's entry is of this account, or may be: a frame says when there
 * are more entries than it names.
 * @param {import("./receipt.js").EntriesDetail | undefined} detail
 */
function concernsUs(detail) {
  const number = document.querySelector("[data-account]")?.getAttribute("data-account");
  const mine = document.querySelector("[data-receipt]")?.getAttribute("data-transaction");
  if (!number || !detail) return false;
  const named = detail.entries?.some(
    (entry) => entry.account === number && entry.transaction_id !== mine,
  );
  return named || detail.complete === false;
}

function refreshSoon() {
  isAskedAgain = isPausing;
  if (isPausing) return;
  isPausing = true;
  refresh();
  setTimeout(() => {
    isPausing = false;
    if (isAskedAgain) refreshSoon();
  }, PAUSE_MS);
}

async function refresh() {
  try {
    fresh = await freshPage();
  } catch {
    return;
  }
  takeOver(fresh, "masthead");
  bringBalance(fresh);
  showCount(newerIn(fresh));
}

/**
 * Counts the rows that the page does not show yet, or shows in an earlier state.
 * @param {Document} page
 */
function newerIn(page) {
  return [...page.querySelectorAll("tr[data-transaction]")].filter((row) => {
    const name = CSS.escape(row.getAttribute("data-transaction") ?? "");
    const shown = document.querySelector(`tr[data-transaction="${name}"]`);
    return shown?.querySelector(".badge")?.className !== row.querySelector(".badge")?.className;
  }).length;
}

// Rows move only when the agent asks: they might be what the agent is reading.
/** @param {number} count */
function showCount(count) {
  const bar = document.querySelector("[data-newer]");
  const text = bar?.querySelector("[data-newer-count]");
  if (!(bar instanceof HTMLElement) || !text) return;
  bar.hidden = count === 0;
  const form = count === 1 ? bar.dataset.one : bar.dataset.many;
  text.textContent = (form ?? "").replace("{count}", String(count));
}
