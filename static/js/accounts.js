// The list of accounts: its balances follow the ledger, and its rows stay where they are.

import { paced } from "./pacing.js";
import { freshPage } from "./parts.js";

const followSoon = paced(follow);

window.addEventListener("bankportal:entries", (event) => {
  const { detail } = /** @type {CustomEvent<import("./receipt.js").EntriesDetail>} */ (event);
  const isShown = detail.entries?.some(({ account }) => account && balanceIn(document, account));
  if (isShown || detail.complete === false) followSoon();
});

async function follow() {
  const fresh = await freshPage();
  for (const shown of document.querySelectorAll("[data-balance-of]")) {
    const now = fresh && balanceIn(fresh, shown.getAttribute("data-balance-of") ?? "");
    if (now && now.innerHTML !== shown.innerHTML) shown.innerHTML = now.innerHTML;
  }
}

/**
 * @param {Document} page
 * @param {string} account
 */
function balanceIn(page, account) {
  return page.querySelector(`[data-balance-of="${CSS.escape(account)}"]`);
}
