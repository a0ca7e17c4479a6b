// What one day came to, beside the day before, with the differences in words.

import { amount, count, fill, signed } from "./format.js";

/**
 * @typedef {{ day: string, count: number, deposits_minor: number | bigint,
 *   withdrawals_minor: number | bigint }} DaySums
 */

export class TwoDays {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { words, calendar }) {
    this.panel = panel;
    this.words = words;
    this.calendar = calendar;
  }

  /** @param {{ day: DaySums, before: DaySums }} days */
  show({ day, before }) {
    this.write("day", this.calendar.dayOf(day.day));
    this.write("before", this.calendar.dayOf(before.day));
    const net = (/** @type {DaySums} */ each) => BigInt(each.deposits_minor) - BigInt(each.withdrawals_minor);
    this.compare("count", BigInt(day.count), BigInt(before.count), (number) => count(Number(number)));
    this.compare("deposits", BigInt(day.deposits_minor), BigInt(before.deposits_minor), amount);
    this.compare("withdrawals", BigInt(day.withdrawals_minor), BigInt(before.withdrawals_minor), amount);
    this.compare("net", net(day), net(before), amount, signed);
  }

  /**
   * @param {string} name
   * @param {bigint} now
   * @param {bigint} then
   * @param {(value: bigint) => string} written how a difference is written
   * @param {(value: bigint) => string} shown how a value is
   */
  compare(name, now, then, written, shown = written) {
    this.write(`${name}-now`, shown(now));
    this.write(`${name}-then`, shown(then));
    const word = now > then ? "more" : now < then ? "less" : "same";
    const difference = now > then ? now - then : then - now;
    this.write(`${name}-said`, fill(this.words[`day_${word}`], { difference: written(difference) }));
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  write(name, text) {
    const element = this.panel.querySelector(`[data-slot="${name}"]`);
    if (element && element.textContent !== text) element.textContent = text;
  }
}
