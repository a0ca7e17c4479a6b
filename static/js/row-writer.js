// Rows of transactions, written from the page's own templates.

import { amount, signed } from "./format.js";
import { template } from "./templates.js";

/**
 * @typedef {import("./feed.js").Entry} Entry
 * @typedef {{ words: Record<string, string>, calendar: import("./format.js").Calendar,
 *   writer: RowWriter }} Page what all panels of a page share
 */

export class RowWriter {
  /**
   * @param {HTMLElement} page
   * @param {Record<string, string>} words
   * @param {import("./format.js").Calendar} calendar
   */
  constructor(page, words, calendar) {
    this.words = words;
    this.calendar = calendar;
    this.accountUrl = page.dataset.accountUrl ?? "";
    this.receiptUrl = page.dataset.receiptUrl ?? "";
  }

  /**
   * @param {Entry} entry
   * @param {boolean} isLive whether the time matters more than the business date
   */
  row(entry, isLive) {
    const row = /** @type {HTMLElement} */ (template("row"));
    const slot = (/** @type {string} */ name) => /** @type {HTMLElement} */ (row.querySelector(`[data-slot=${name}]`));
    row.dataset.transaction = entry.transaction_id;
    row.className = entry.outcome === "rejected" ? "is-refused" : "";
    if (isLive) this.writeTime(row, entry);
    else slot("when").textContent = this.calendar.dayOf(entry.business_date);
    slot("account").textContent = entry.account;
    slot("account").setAttribute("href", this.addressOf(entry.account));
    slot("holder").textContent = entry.holder;
    slot("kind").replaceChildren(template(`kind-${entry.kind}`));
    slot("amount").textContent = signed(entry.amount_minor);
    slot("amount").setAttribute("href", this.receiptUrl.replace(/[0-9a-f-]{36}/, entry.transaction_id));
    slot("balance").textContent = entry.balance_minor === null ? "–" : amount(entry.balance_minor);
    slot("state").replaceChildren(template(`state-${entry.outcome}`));
    slot("reason").textContent = this.words[`reason_${entry.reason}`] ?? "";
    slot("reason").hidden = !entry.reason;
    return row;
  }

  /**
   * Writes when it was: the time where that is of today and known, else the date.
   * @param {Element} row
   * @param {Entry} entry
   */
  writeTime(row, entry) {
    const { calendar } = this;
    const when = entry.is_history ? calendar.dayOf(entry.business_date) : calendar.recent(entry.logged_at_ms);
    /** @type {HTMLElement} */ (row.querySelector("[data-slot=when]")).textContent = when;
  }

  /** @param {string} account */
  addressOf(account) {
    return this.accountUrl.replace("/-/", `/${encodeURIComponent(account)}/`);
  }
}
