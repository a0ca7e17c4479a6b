// The filter of the dashboard: a period, and the accounts to draw. It lives in the address.

import { fill } from "./format.js";
import { template } from "./live-rows.js";

const MOST_ACCOUNTS = 4;

/**
 * @typedef {{ range: string, from: string | null, to: string | null, accounts: string[] }} Chosen
 */

export class ChoiceBar {
  /**
   * @param {HTMLFormElement} form
   * @param {Record<string, string>} words
   * @param {Chosen} chosen
   * @param {(query: string) => void} onChange
   */
  constructor(form, words, chosen, onChange) {
    this.form = form;
    this.words = words;
    this.onChange = onChange;
    this.accounts = [...chosen.accounts];
    this.field = /** @type {HTMLInputElement} */ (form.elements.namedItem("accounts"));
    this.said = /** @type {HTMLElement} */ (form.querySelector("[data-accounts-said]"));
    this.field.value = "";
    this.writeChips();
    form.querySelector("[data-apply]")?.setAttribute("hidden", "");
    form.addEventListener("change", (event) => this.changed(event));
    form.addEventListener("submit", (event) => this.submitted(event));
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("input", () => this.typed());
    foldOnNarrowScreens();
  }

  query() {
    const { form } = this;
    const value = (/** @type {string} */ name) => {
      const field = form.elements.namedItem(name);
      return field && "value" in field ? String(field.value) : "";
    };
    const query = new URLSearchParams({ range: value("range") });
    if (value("range") === "dates") {
      for (const name of ["from", "to"]) if (value(name)) query.set(name, value(name));
    }
    query.set("accounts", this.accounts.join(","));
    return query.toString();
  }

  /** @param {Event} event */
  changed(event) {
    if (event.target === this.field) this.add();
    else this.onChange(this.query());
  }

  /** @param {Event} event */
  submitted(event) {
    event.preventDefault();
    if (this.field.value.trim()) this.add();
    else this.onChange(this.query());
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "Backspace" && !this.field.value && this.accounts.length) {
      this.remove(this.accounts[this.accounts.length - 1]);
    }
  }

  typed() {
    // A number chosen from the list, or ended by a comma, is complete.
    const { value } = this.field;
    const isListed = [...(this.field.list?.options ?? [])].some((option) => option.value === value);
    if (/[,;]$/.test(value) || isListed) this.add();
  }

  add() {
    const typed = this.field.value.split(/[\s,;]+/).filter((number) => number && !this.accounts.includes(number));
    this.field.value = "";
    if (!typed.length) return;
    if (this.accounts.length + typed.length > MOST_ACCOUNTS) {
      this.say([fill(this.words.too_many, { most: MOST_ACCOUNTS })]);
      return;
    }
    this.accounts.push(...typed);
    this.onChange(this.query());
  }

  /** @param {string} account */
  remove(account) {
    this.accounts = this.accounts.filter((each) => each !== account);
    this.writeChips();
    this.field.focus();
    this.onChange(this.query());
  }

  /**
   * Takes over what the server made of the choice.
   * @param {Chosen} chosen
   * @param {string[]} unknown
   */
  settle(chosen, unknown) {
    this.accounts = [...chosen.accounts];
    this.writeChips();
    this.say(unknown.map((account) => fill(this.words.unknown, { account })));
  }

  /** @param {Chosen} chosen */
  restore(chosen) {
    for (const option of this.form.querySelectorAll("[name=range]")) {
      if (option instanceof HTMLInputElement) option.checked = option.value === chosen.range;
    }
    for (const name of /** @type {const} */ (["from", "to"])) {
      const field = this.form.elements.namedItem(name);
      if (field instanceof HTMLInputElement) field.value = chosen[name] ?? "";
    }
  }

  writeChips() {
    for (const chip of this.form.querySelectorAll(".chip")) chip.remove();
    const chips = this.accounts.map((account) => {
      const chip = template("chip");
      const [name, button] = [chip.querySelector("[data-slot=account]"), chip.querySelector("button")];
      if (name) name.textContent = account;
      button?.setAttribute("aria-label", fill(this.words.remove, { account }));
      button?.addEventListener("click", () => this.remove(account));
      return chip;
    });
    this.field.before(...chips);
  }

  /** @param {string[]} texts */
  say(texts) {
    this.said.textContent = texts.join(" ");
    this.field.toggleAttribute("aria-invalid", texts.length > 0);
  }
}

function foldOnNarrowScreens() {
  const fold = document.querySelector("[data-fold]");
  const narrow = matchMedia("(max-width: 44rem)");
  const set = () => fold?.toggleAttribute("open", !narrow.matches);
  narrow.addEventListener("change", set);
  set();
}
