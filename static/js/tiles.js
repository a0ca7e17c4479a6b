// The figures at the top, and the balance of each account that is drawn.

import { now } from "./clock.js";
import { amount, count, counted, duration, fill, signed } from "./format.js";
import { template } from "./templates.js";

/**
 * @typedef {{ account: string, holder: string, balance_minor: number | bigint }} Balance
 * @typedef {{ deposits: number, deposits_minor: number | bigint, withdrawals: number,
 *   withdrawals_minor: number | bigint, today: number,
 *   is_past: boolean, waiting: { number: number, since_ms: number | null } | null,
 *   delays: { median_ms: number, ninety_five_ms: number } | null, balances: Balance[] }} Totals
 */

export class Tiles {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { words, writer }) {
    this.panel = panel;
    this.writer = writer;
    this.words = words;
    this.balances = /** @type {HTMLElement} */ (panel.querySelector("[data-balances]"));
    /** @type {number | null} */
    this.waitingSince = null;
    this.isPast = false;
    setInterval(() => this.writeAge(), 1000);
  }

  /** @param {Totals} totals */
  show(totals) {
    const { words } = this;
    const { waiting, delays } = totals;
    this.write("transactions", count(totals.deposits + totals.withdrawals));
    this.write("today", fill(totals.is_past ? words.that_day : words.today, { count: count(totals.today) }));
    this.write("deposits_minor", amount(totals.deposits_minor));
    this.write("deposits", counted(words, "transactions", totals.deposits));
    this.write("withdrawals_minor", amount(totals.withdrawals_minor));
    this.write("withdrawals", counted(words, "transactions", totals.withdrawals));
    this.write("net_minor", signed(BigInt(totals.deposits_minor) - BigInt(totals.withdrawals_minor)));
    this.write("waiting", waiting ? count(waiting.number) : "–");
    this.isPast = totals.is_past;
    this.waitingSince = waiting?.since_ms ?? null;
    this.writeAge();
    this.write("median", delays ? duration(delays.median_ms) : "–");
    this.write("ninety_five", delays ? fill(words.ninety_five, { delay: duration(delays.ninety_five_ms) }) : this.isPast ? words.of_now_only : words.no_delay);
    this.showBalances(totals.balances);
  }

  /** @param {Balance[]} balances */
  showBalances(balances) {
    const tiles = balances.map((each) => this.balanceTile(each));
    tiles.forEach((tile, place) => {
      if (this.balances.children[place] !== tile) this.balances.insertBefore(tile, this.balances.children[place] ?? null);
    });
    while (this.balances.children.length > tiles.length) this.balances.lastElementChild?.remove();
    this.balances.hidden = !tiles.length;
  }

  /** @param {Balance} line */
  balanceTile(line) {
    const old = this.balances.querySelector(`[data-account="${CSS.escape(line.account)}"]`);
    const tile = /** @type {HTMLElement} */ (old ?? template("balance-tile"));
    const slot = (/** @type {string} */ name) => /** @type {HTMLElement} */ (tile.querySelector(`[data-slot=${name}]`));
    tile.dataset.account = line.account;
    slot("account").textContent = line.account;
    slot("account").setAttribute("href", this.writer.addressOf(line.account));
    slot("holder").textContent = line.holder;
    slot("balance").textContent = amount(line.balance_minor);
    return tile;
  }

  writeAge() {
    const age = this.waitingSince === null ? null : Math.max(0, now() - this.waitingSince);
    if (this.isPast) this.write("oldest", this.words.of_now_only);
    else this.write("oldest", age === null ? this.words.none_waiting : fill(this.words.oldest, { age: duration(age) }));
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  write(name, text) {
    const element = this.panel.querySelector(`[data-figure="${name}"]`);
    if (element && element.textContent !== text) element.textContent = text;
  }
}
