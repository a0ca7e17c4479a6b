// Numbers, dates and words as the page's language writes them. The same rules as in
// accounts/money.py and accounts/templatetags/moments.py.

import { formatAmount } from "./amount.js";
import { now } from "./clock.js";

/** @typedef {number | bigint} Minor */

const MINUS = "\u2212";
const NO_BREAK_SPACE = "\u00a0";

export const language = document.documentElement.lang || "fr";
const isFrench = language.startsWith("fr");
const plural = new Intl.PluralRules(language);

/** @param {Minor} minor */
export function amount(minor) {
  return formatAmount(BigInt(minor), language);
}

/** @param {Minor} minor */
export function signed(minor) {
  return minor > 0 ? `+${amount(minor)}` : amount(minor);
}

/** @param {number} number */
export function count(number) {
  const text = formatAmount(BigInt(Math.abs(number)) * 100n, language).slice(0, -3);
  return number < 0 ? `${MINUS}${text}` : text;
}

/**
 * Gives an amount without cents where there are none, for the ticks of an axis.
 * @param {number} minor
 */
export function roundAmount(minor) {
  return minor % 100 ? amount(Math.round(minor)) : count(minor / 100);
}

/** @param {number} milliseconds */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)}${NO_BREAK_SPACE}ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) {
    const tenths = seconds.toFixed(1);
    return `${isFrench ? tenths.replace(".", ",") : tenths}${NO_BREAK_SPACE}s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}${NO_BREAK_SPACE}min`;
  return `${Math.floor(minutes / 60)}${NO_BREAK_SPACE}h`;
}

/**
 * Puts values into a text with marks such as %(name)s.
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
export function fill(text, values = {}) {
  return text.replace(/%\((\w+)\)s|%%/g, (_mark, name) => (name ? String(values[name]) : "%"));
}

/**
 * Chooses between the words for one and for many, and fills in their number.
 * @param {Record<string, string>} words
 * @param {string} name
 * @param {number} number
 * @param {Record<string, string | number>} values what else the words have marks for
 */
export function counted(words, name, number, values = {}) {
  const form = plural.select(number) === "one" ? "one" : "many";
  return fill(words[`${name}_${form}`], { ...values, count: count(number) });
}

/**
 * Reads JSON, and whole numbers beyond a double's reach exactly.
 * @param {string} text
 */
export function parse(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const exact = (/** @type {string} */ _key, /** @type {unknown} */ value, /** @type {any} */ context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source)
      ? BigInt(context.source)
      : value;
  // TypeScript's library does not know the third argument yet.
  return JSON.parse(text, /** @type {any} */ (exact));
}

/** @param {string} date */
function written(date) {
  return isFrench ? date.replace(/^1 /, "1er ") : date.replace("Sept", "Sep");
}

/** Dates and times in the portal's time zone, wherever the browser is and whatever its clock says. */
export class Calendar {
  /**
   * @param {string} zone
   * @param {string | null} day the server's day, as in 2024-01-31; without it, this computer's
   */
  constructor(zone, day = null) {
    this.serverDay = day;
    const of = (/** @type {Intl.DateTimeFormatOptions} */ parts) =>
      new Intl.DateTimeFormat(isFrench ? "fr-FR" : "en-GB", { timeZone: zone, ...parts });
    this.time = of({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    this.toMinute = of({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    this.short = of({ day: "numeric", month: "short" });
    this.withYear = of({ day: "numeric", month: "short", year: "numeric" });
    this.iso = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" });
  }

  /** @param {number} milliseconds */
  seconds(milliseconds) {
    return this.time.format(milliseconds);
  }

  /** @param {number} milliseconds */
  minutes(milliseconds) {
    return this.toMinute.format(milliseconds);
  }

  /** @param {number} milliseconds */
  day(milliseconds) {
    const isThisYear = this.year(milliseconds) === this.today().slice(0, 4);
    return written((isThisYear ? this.short : this.withYear).format(milliseconds));
  }

  /** @param {number} milliseconds */
  dayOfYear(milliseconds) {
    return written(this.withYear.format(milliseconds));
  }

  /** @param {number} milliseconds */
  year(milliseconds) {
    return this.iso.format(milliseconds).slice(0, 4);
  }

  /** @param {string} date as in 2024-01-31 */
  dayOf(date) {
    const noon = Date.parse(`${date}T12:00:00Z`);
    return this.day(noon - this.ahead(noon));
  }

  /**
   * Gives the same time of day so many days later, also where a day has 23 or 25 hours.
   * @param {number} milliseconds
   * @param {number} days
   */
  daysAfter(milliseconds, days) {
    const later = milliseconds + days * 86_400_000;
    return later + this.ahead(milliseconds) - this.ahead(later);
  }

  /**
   * Gives by how much the zone's clock is ahead of UTC at a moment.
   * @param {number} milliseconds
   */
  ahead(milliseconds) {
    const [date, time] = [this.iso.format(milliseconds), this.time.format(milliseconds)];
    return Date.parse(`${date}T${time}Z`) - Math.floor(milliseconds / 1000) * 1000;
  }

  /**
   * Gives the time of an instant to the minute, with its date where that is another day.
   * @param {number} milliseconds
   */
  since(milliseconds) {
    const isToday = this.iso.format(milliseconds) === this.today();
    return isToday ? this.minutes(milliseconds) : `${this.day(milliseconds)}, ${this.minutes(milliseconds)}`;
  }

  today() {
    return this.serverDay ?? this.iso.format(now());
  }

  /**
   * Gives the time of an instant of today, else its date.
   * @param {number} milliseconds
   */
  recent(milliseconds) {
    const isToday = this.iso.format(milliseconds) === this.today();
    return isToday ? this.seconds(milliseconds) : this.day(milliseconds);
  }
}
