// The form as a sum: while an amount is typed, what was understood and the balance it would make.

import { formatAmount, formatMoney, parseAmount } from "./amount.js";

const language = document.documentElement.lang;

/** Follows the form of a transaction, where the page has one. */
export function startSlip() {
  const form = document.querySelector("[data-slip]");
  if (form instanceof HTMLFormElement) new Slip(form).start();
}

class Slip {
  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    this.amount = /** @type {HTMLInputElement} */ (form.elements.namedItem("amount"));
    const account = form.elements.namedItem("account");
    this.account = account instanceof HTMLInputElement && account.type !== "hidden" ? account : null;
    this.words = /** @type {HTMLElement} */ (form.querySelector("[data-words]")).dataset;
    this.currency = form.dataset.currency ?? "";
  }

  start() {
    this.form.addEventListener("input", () => this.typed());
    this.form.addEventListener("change", () => this.show());
    this.form.addEventListener("keydown", (event) => event.key === "Escape" && this.clear());
    this.account?.addEventListener("input", () => this.forgetAccount());
    this.form.addEventListener("submit", (event) => this.send(event));
    this.form.addEventListener("bankportal:balance", () => this.show());
    // A page that the browser kept must be able to send its form again.
    window.addEventListener("pageshow", () => this.form.removeAttribute("data-sent"));
    // Keys may have come before this module did.
    if ((this.amount.value || this.kind) && !this.part("amount-error-text").textContent?.trim()) this.show();
  }

  // Whoever types has stopped the page that was on its way, and must be able to send the form.
  typed() {
    this.form.removeAttribute("data-sent");
    this.show();
  }

  get kind() {
    return new FormData(this.form).get("kind");
  }

  show() {
    const read = parseAmount(this.amount.value);
    const minor = "minor" in read ? read.minor : null;
    this.showSign();
    this.showUnderstood(minor);
    this.showResult(minor);
    const tooLow = this.tooLow(minor);
    const refused = "refusal" in read ? this.rule(read.refusal) : "";
    this.showError(this.amount.value ? refused || tooLow : "", Boolean(refused));
  }

  /** @param {bigint | null} minor */
  showUnderstood(minor) {
    const money = minor === null ? "" : formatMoney(minor, language, this.currency);
    const understood = this.part("understood");
    understood.hidden = minor === null;
    understood.textContent = said(this.words.wordUnderstood, { amount: money });
    const word = { deposit: this.words.wordSubmitDeposit, withdrawal: this.words.wordSubmitWithdrawal }[
      String(this.kind)
    ];
    const submit = word && money ? said(word, { amount: money }) : this.words.wordSubmit;
    this.part("submit").textContent = submit ?? "";
  }

  /** @param {bigint | null} minor */
  showResult(minor) {
    const after = this.after(minor);
    for (const each of this.form.querySelectorAll("[data-result]")) {
      each.toggleAttribute("hidden", after === null);
    }
    if (after === null) return;
    this.part("foreseen").textContent = formatAmount(after, language);
    const left = after - this.least;
    const amount = formatAmount(left > 0n ? left : 0n, language);
    this.part("remaining").textContent = said(this.words.wordRemaining, { amount });
  }

  showSign() {
    const sign = this.part("sign");
    const isOut = this.kind === "withdrawal";
    sign.textContent = isOut ? "\u2212" : this.kind === "deposit" ? "+" : "";
    sign.classList.toggle("is-out", isOut);
    sign.classList.toggle("is-in", !isOut);
  }

  /**
   * @param {string} text
   * @param {boolean} isRefused
   */
  showError(text, isRefused) {
    this.part("amount-error").hidden = !text;
    this.part("amount-error-text").textContent = text;
    this.part("amount-field").classList.toggle("field--error", Boolean(text));
    this.amount.toggleAttribute("aria-invalid", isRefused);
    if (isRefused) this.amount.setAttribute("aria-invalid", "true");
  }

  get balance() {
    return this.form.dataset.balanceMinor ? BigInt(this.form.dataset.balanceMinor) : null;
  }

  get least() {
    return BigInt(this.form.dataset.leastMinor || 0);
  }

  /** @param {bigint | null} minor */
  after(minor) {
    if (minor === null || this.balance === null || !this.kind) return null;
    return this.balance + (this.kind === "withdrawal" ? -minor : minor);
  }

  /** @param {bigint | null} minor */
  tooLow(minor) {
    const after = this.after(minor);
    if (after === null || this.kind !== "withdrawal" || after >= this.least) return "";
    const most = (this.balance ?? 0n) - this.least;
    return said(this.words.wordTooLow, {
      least: formatAmount(this.least, language),
      available: formatAmount(most > 0n ? most : 0n, language),
    });
  }

  /** @param {import("./amount.js").Refusal} refusal */
  rule(refusal) {
    const rules = {
      required: "",
      sign: this.words.wordSign,
      digits: this.words.wordDigits,
      ambiguous: this.words.wordAmbiguous,
      invalid: this.words.wordInvalid,
      zero: this.words.wordZero,
      too_large: this.words.wordTooLarge,
    };
    return rules[refusal] ?? "";
  }

  // Another number is being typed: the balance on the page is not its own.
  forgetAccount() {
    delete this.form.dataset.balanceMinor;
    delete this.form.dataset.account;
    for (const each of this.form.querySelectorAll("[data-of-account], .slip__head h2")) each.remove();
    this.show();
  }

  clear() {
    this.amount.value = "";
    const reference = this.form.elements.namedItem("reference");
    if (reference instanceof HTMLInputElement) reference.value = "";
    for (const radio of this.form.querySelectorAll("[name=kind]")) {
      if (radio instanceof HTMLInputElement) radio.checked = false;
    }
    this.typed();
    const first = this.form.querySelector("[name=kind]");
    if (first instanceof HTMLElement) first.focus();
  }

  /** @param {Event} event */
  send(event) {
    // The server knows a form sent twice by its id; this only spares it the second one.
    if (this.form.hasAttribute("data-sent")) event.preventDefault();
    this.form.setAttribute("data-sent", "");
  }

  /**
   * @param {string} name
   * @returns {HTMLElement}
   */
  part(name) {
    return this.form.querySelector(`[data-${name}]`) ?? document.createElement("span");
  }
}

/**
 * Puts values into a translated sentence.
 * @param {string | undefined} sentence
 * @param {Record<string, string>} values
 */
function said(sentence, values) {
  return (sentence ?? "").replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
