// Amounts as agents type them and as pages show them. The rules are those of accounts/money.py,
// and one table of tests holds the two together.

/** @typedef {"required" | "sign" | "digits" | "ambiguous" | "invalid" | "zero" | "too_large"} Refusal */

export const GREATEST_TYPED_MINOR = 99_999_999_999n;

const MINUS = "\u2212";
const NARROW_SPACE = "\u202f";
const PLAIN = /^([0-9]+)(?:[.,]([0-9]{1,2}))?$/;
const GROUPED_BY_POINT = /^([0-9]{1,3}(?:\.[0-9]{3})+),([0-9]{2})$/;
const GROUPED_BY_COMMA = /^([0-9]{1,3}(?:,[0-9]{3})+)\.([0-9]{2})$/;
const GROUPED_BY_SPACE = /^[0-9]{1,3}(?: [0-9]{3})+(?:[.,][0-9]{1,2})?$/;
const LOOKS_GROUPED = /^[0-9]{1,3}[.,][0-9]{3}$/;

/**
 * Reads an amount: its minor units, or why it is refused.
 * @param {string} text
 * @returns {{ minor: bigint } | { refusal: Refusal }}
 */
export function parseAmount(text) {
  const typed = text.trim().split(/\s+/).join(" ");
  const refusal = unreadable(typed);
  if (refusal) return { refusal };
  const match = matched(typed);
  if (!match) return { refusal: "invalid" };
  const units = BigInt(match[1].replace(/[., ]/g, ""));
  const minor = units * 100n + BigInt((match[2] ?? "0").padEnd(2, "0"));
  if (minor === 0n) return { refusal: "zero" };
  return minor > GREATEST_TYPED_MINOR ? { refusal: "too_large" } : { minor };
}

/**
 * @param {string} typed
 * @returns {Refusal | null}
 */
function unreadable(typed) {
  if (!typed) return "required";
  if (`-+${MINUS}`.includes(typed[0])) return "sign";
  if (/(?![0-9])\p{Nd}/u.test(typed)) return "digits";
  return LOOKS_GROUPED.test(typed) ? "ambiguous" : null;
}

/** @param {string} typed */
function matched(typed) {
  const text = GROUPED_BY_SPACE.test(typed) ? typed.replaceAll(" ", "") : typed;
  return PLAIN.exec(text) ?? GROUPED_BY_POINT.exec(text) ?? GROUPED_BY_COMMA.exec(text);
}

/**
 * Writes minor units as a page shows them, without the currency.
 * @param {bigint} minor
 * @param {string} language
 */
export function formatAmount(minor, language) {
  const isFrench = language.startsWith("fr");
  const size = minor < 0n ? -minor : minor;
  const grouped = (size / 100n).toString().replace(/\B(?=([0-9]{3})+$)/g, isFrench ? NARROW_SPACE : ",");
  const cents = (size % 100n).toString().padStart(2, "0");
  return `${minor < 0n ? MINUS : ""}${grouped}${isFrench ? "," : "."}${cents}`;
}

const SYMBOLS = new Map([["EUR", "€"], ["USD", "$"], ["GBP", "£"]]);

/**
 * Writes minor units with their currency, for running text.
 * @param {bigint} minor
 * @param {string} language
 * @param {string} currency
 */
export function formatMoney(minor, language, currency) {
  const figure = formatAmount(minor, language);
  const symbol = SYMBOLS.get(currency) ?? currency;
  if (language.startsWith("fr")) return `${figure}\u00a0${symbol}`;
  return SYMBOLS.has(currency) ? `${symbol}${figure}` : `${symbol}\u00a0${figure}`;
}
