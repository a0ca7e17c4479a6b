// Panels that are lists: the largest of the day, what was rejected and why, accounts near zero.

import { amount, count, counted, fill } from "./format.js";
import { Rows } from "./live-rows.js";
import { template } from "./templates.js";

/** @typedef {import("./feed.js").Entry} Entry */

/** @param {ParentNode} panel @param {string} selector */
const part = (panel, selector) => /** @type {HTMLElement} */ (panel.querySelector(selector));

export class Largest {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { writer, calendar }) {
    this.panel = panel;
    this.calendar = calendar;
    this.rows = new Rows(part(panel, "tbody"), (/** @type {Entry} */ row) => writer.row(row, true));
    this.isEmpty = false;
  }

  /** @param {{ day: string, rows: Entry[] }} largest */
  show({ day, rows }) {
    part(this.panel, "[data-day]").textContent = this.calendar.dayOf(day);
    this.rows.show(rows);
    this.isEmpty = !rows.length;
  }

  /** Writes the times of the same rows anew. */
  forget() {
    this.rows.forget();
  }
}

export class Rejected {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { writer, words }) {
    this.panel = panel;
    this.words = words;
    this.most = 1;
    this.reasons = new Rows(part(panel, "[data-reasons]"), (row) => this.reason(row));
    this.rows = new Rows(part(panel, "tbody"), (/** @type {Entry} */ row) => writer.row(row, true));
    this.isEmpty = false;
  }

  /** @param {{ reasons: { reason: string, count: number }[], count: number, rows: Entry[] }} rejected */
  show({ reasons, count: number, rows }) {
    this.most = Math.max(1, ...reasons.map((each) => each.count));
    this.reasons.show(reasons);
    this.rows.show(rows);
    part(this.panel, "[data-rejected-count]").textContent = counted(this.words, "rejected_counted", number);
    this.isEmpty = !number;
  }

  /** Writes the times of the same rows anew. */
  forget() {
    this.rows.forget();
  }

  /** @param {{ reason: string, count: number }} because */
  reason({ reason, count: number }) {
    const row = template("reason");
    part(row, "[data-slot=reason]").textContent = this.words[`reason_${reason}`] ?? reason;
    part(row, "[data-slot=number]").textContent = count(number);
    part(row, "rect").setAttribute("width", `${(100 * number) / this.most}%`);
    return row;
  }
}

export class Low {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { writer, words }) {
    this.panel = panel;
    this.writer = writer;
    this.words = words;
    this.rows = new Rows(part(panel, "tbody"), (row) => this.account(row));
    this.isEmpty = false;
  }

  /** @param {{ rows: object[], near: number, near_minor: number }} low */
  show({ rows, near, near_minor: limit }) {
    this.rows.show(rows);
    part(this.panel, "[data-near]").textContent = counted(this.words, "near", near, { limit: amount(limit) });
    this.isEmpty = !rows.length;
  }

  /**
   * @param {{ account: string, holder: string, balance_minor: number | bigint,
   *   least_balance_minor: number | bigint, left_minor: number | bigint }} low
   */
  account({ account, holder, balance_minor: balance, least_balance_minor: least, left_minor: left }) {
    const row = template("low-account");
    const link = part(row, "[data-slot=account]");
    link.textContent = account;
    link.setAttribute("href", this.writer.addressOf(account));
    part(row, "[data-slot=holder]").textContent = holder;
    part(row, "[data-slot=balance]").textContent = amount(balance);
    part(row, "[data-slot=least]").textContent = amount(least);
    part(row, "[data-slot=left]").textContent = left < 0
      ? fill(this.words.overdrawn_by, { amount: amount(-left) })
      : amount(left);
    row.classList.toggle("is-overdrawn", left < 0);
    return row;
  }
}
