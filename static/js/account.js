// The account page: its form, its receipt, and what others post to the account meanwhile.

import { newerIn, showNewer } from "./newer.js";
import { paced } from "./pacing.js";
import { freshPage, takeOver } from "./parts.js";
import { bringBalance } from "./receipt.js";
import { startSlip } from "./slip.js";

/** @type {Document | null} */
let fresh = null;
const refreshSoon = paced(refresh);

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

async function refresh() {
  const now = await freshPage();
  if (!now) return;
  fresh = now;
  takeOver(fresh, "masthead");
  bringBalance(fresh);
  showNewer(newerIn(fresh));
}
