// The account page: its form, its receipt, and what others post to the account meanwhile.

import { freshPage, takeOver } from "./parts.js";
import { bringBalance } from "./receipt.js";
import { startSlip } from "./slip.js";

startSlip();

/** @type {Set<string>} */
const newer = new Set();
/** @type {Document | null} */
let fresh = null;

window.addEventListener("bankportal:entries", async (event) => {
  const { detail } = /** @type {CustomEvent<import("./receipt.js").EntriesDetail>} */ (event);
  const number = document.querySelector("[data-account]")?.getAttribute("data-account");
  const mine = document.querySelector("[data-receipt]")?.getAttribute("data-transaction");
  const others = (detail?.entries ?? []).filter(
    (entry) => entry.account === number && entry.transaction_id !== mine && !isShown(entry.transaction_id),
  );
  if (!number || others.length === 0) return;
  for (const entry of others) newer.add(entry.transaction_id);
  try {
    fresh = await freshPage();
  } catch {
    return;
  }
  takeOver(fresh, "masthead");
  bringBalance(fresh);
  showCount();
});

/** @param {string} transactionId */
function isShown(transactionId) {
  const row = document.querySelector(`[data-transaction="${CSS.escape(transactionId)}"]`);
  return row?.querySelector(".badge--posted, .badge--rejected") !== null && row !== null;
}

// Rows move only when the agent asks: they might be what the agent is reading.
function showCount() {
  const bar = document.querySelector("[data-newer]");
  const count = bar?.querySelector("[data-newer-count]");
  if (!(bar instanceof HTMLElement) || !(count instanceof HTMLElement)) return;
  bar.hidden = false;
  const form = newer.size === 1 ? bar.dataset.one : bar.dataset.many;
  count.textContent = (form ?? "").replace("{count}", String(newer.size));
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || !event.target.closest("[data-show-newer]")) return;
  if (fresh) takeOver(fresh, "entries");
  newer.clear();
});
