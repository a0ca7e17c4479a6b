// The bar of filters: dates, accounts, kind, status, agent, branch. It lives in the address.

import { fill, parse } from "./format.js";
import { template } from "./templates.js";
import { Travel } from "./travel.js";

/**
 * @typedef {{ range: string, from: string | null, to: string | null, account: string[],
 *   kind: string, outcome: string, agent: string, branch: string, all_entries: boolean,
 *   as_of: number | null }} Filter
 */

const TEXTS = /** @type {const} */ (["kind", "outcome", "agent", "branch"]);

export class FilterBar {
  /**
   * @param {HTMLFormElement} form
   * @param {(query: string) => void} onChange called with each new query of the address
   */
  constructor(form, onChange) {
    this.form = form;
    this.words = parse(document.getElementById("filter-words")?.textContent ?? "{}");
    this.onChange = onChange;
    this.field = /** @type {HTMLInputElement} */ (form.elements.namedItem("account"));
    this.said = /** @type {HTMLElement} */ (form.querySelector("[data-accounts-said]"));
    /** @type {string[]} */
    this.accounts = numbersIn(this.field.value);
    this.field.value = "";
    this.travel = new Travel(/** @type {HTMLElement} */ (form.querySelector("[data-travel]")), () => this.onChange(this.query()));
    this.writeChips();
    form.querySelector("[data-apply]")?.setAttribute("hidden", "");
    form.addEventListener("change", (event) => this.changed(event));
    form.addEventListener("submit", (event) => this.submitted(event));
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("input", () => /[,;]$/.test(this.field.value) && this.add());
    foldOnNarrowScreens();
  }

  query() {
    const value = (/** @type {string} */ name) => {
      const field = this.form.elements.namedItem(name);
      if (field instanceof HTMLInputElement && field.type === "checkbox") return field.checked ? field.value : "";
      return field && "value" in field ? String(field.value) : "";
    };
    const query = new URLSearchParams({ range: value("range") });
    const set = (/** @type {string} */ name, /** @type {string} */ text) => text && query.set(name, text);
    if (value("range") === "dates") for (const name of ["from", "to"]) set(name, value(name));
    set("account", this.accounts.join(","));
    for (const name of TEXTS) set(name, value(name));
    set("all_entries", value("all_entries"));
    set("as_of", this.travel.text);
    return query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
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

  add() {
    const typed = numbersIn(this.field.value).filter((number) => !this.accounts.includes(number));
    this.field.value = "";
    if (!typed.length) return;
    if (this.accounts.length + typed.length > this.words.most) {
      this.say([fill(this.words.too_many, { most: this.words.most })]);
      return;
    }
    this.accounts.push(...typed);
    this.writeChips();
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
   * Takes over what the server made of the filter. Fields that are being typed in stay.
   * @param {Filter} filter
   * @param {readonly string[]} unknown
   */
  settle(filter, unknown) {
    this.accounts = [...filter.account];
    this.travel.show(filter.as_of);
    this.writeChips();
    this.say(unknown.map((account) => fill(this.words.unknown, { account })));
    const isClear = ["all", "30d"].includes(filter.range) && !filter.account.length
      && !filter.all_entries && filter.as_of === null && TEXTS.every((name) => !filter[name]);
    for (const name of ["active", "clear"]) {
      document.querySelector(`[data-${name}]`)?.toggleAttribute("hidden", isClear);
    }
  }

  /**
   * Sets the fields, as going back to an older address wants it.
   * @param {Filter} filter
   */
  restore(filter) {
    for (const option of this.form.querySelectorAll("[name=range]")) {
      if (option instanceof HTMLInputElement) option.checked = option.value === filter.range;
    }
    for (const name of /** @type {const} */ (["from", "to", ...TEXTS])) {
      const field = this.form.elements.namedItem(name);
      if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = filter[name] ?? "";
    }
    const openings = this.form.elements.namedItem("all_entries");
    if (openings instanceof HTMLInputElement) openings.checked = filter.all_entries;
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

/** @param {string} text */
function numbersIn(text) {
  return text.split(/[\s,;]+/).filter(Boolean);
}

function foldOnNarrowScreens() {
  const fold = document.querySelector("[data-fold]");
  const narrow = matchMedia("(max-width: 44rem)");
  const set = () => fold?.toggleAttribute("open", !narrow.matches);
  narrow.addEventListener("change", set);
  set();
}
