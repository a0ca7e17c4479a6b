// The bar of filters: dates, accounts, kind, status, agent, branch. It lives in the address.

import { ERRORS, foldOnNarrowScreens, unfold } from "./fold.js";
import { fill, parse } from "./format.js";
import { template } from "./templates.js";
import { Travel } from "./travel.js";

/**
 * @typedef {{ range: string, from: string | null, to: string | null, account: string[],
 *   kind: string, outcome: string, agent: string, branch: string, all_entries: boolean,
 *   as_of: number | null }} Filter
 * @typedef {Record<string, readonly string[]>} Errors what is wrong with each field, by its name
 * @typedef {{ filter: Filter, unknown: string[], errors: Errors }} Chosen
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
    if (this.accounts.length + typed.length > this.words.most) {
      this.say("account", [fill(this.words.too_many, { most: this.words.most })]);
      return;
    }
    this.field.value = "";
    if (!typed.length) return;
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
   * @param {Errors} errors
   */
  settle(filter, unknown, errors = {}) {
    this.accounts = [...filter.account];
    this.travel.show(filter.as_of);
    this.writeChips();
    this.sayAll({ account: unknown.map((account) => fill(this.words.unknown, { account })), ...errors });
    const isClear = ["all", "30d"].includes(filter.range) && !filter.account.length
      && !filter.all_entries && filter.as_of === null && TEXTS.every((name) => !filter[name]);
    markClear(isClear && !Object.keys(errors).length);
  }

  /**
   * Says what the server refused. What is typed stays, or is what the page's address says.
   * @param {Errors} errors
   */
  refuse(errors, { restore = false } = {}) {
    if (restore) {
      const typed = Object.fromEntries(new URLSearchParams(location.search));
      this.restore({ ...typed, range: errors.from || errors.to ? "dates" : typed.range });
      this.accounts = numbersIn(typed.account ?? "");
      this.writeChips();
    }
    this.sayAll(errors);
    markClear(false);
  }

  /**
   * Sets the fields, as going back to an older address wants it.
   * @param {{ [name in keyof Filter]?: Filter[name] | string }} filter
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
    if (openings instanceof HTMLInputElement) openings.checked = Boolean(filter.all_entries);
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

  /** @param {Errors} errors */
  sayAll(errors) {
    for (const { dataset } of /** @type {NodeListOf<HTMLElement>} */ (this.form.querySelectorAll(ERRORS))) {
      const name = dataset.errorOf ?? "";
      this.say(name, errors[name] ?? []);
    }
  }

  /**
   * Says below a field what is wrong with it, and unfolds what it is in.
   * @param {string} name
   * @param {readonly string[]} texts
   */
  say(name, texts) {
    const error = /** @type {HTMLElement} */ (this.form.querySelector(`[data-error-of="${name}"]`));
    const field = /** @type {HTMLElement} */ (error.closest(".field"));
    const isWrong = texts.length > 0;
    error.hidden = !isWrong;
    const text = error.querySelector("span");
    if (text) text.textContent = texts.join(" ");
    field.classList.toggle("field--error", isWrong);
    field.querySelector("[name]")?.setAttribute("aria-invalid", String(isWrong));
    if (isWrong) unfold(field);
  }
}

/**
 * Gives what a copy of the page says of its filter.
 * @param {Document} page
 * @returns {Chosen}
 */
export function chosenIn(page) {
  return parse(page.getElementById("filter-chosen")?.textContent ?? "null");
}

/** @param {boolean} isClear whether the filter is the usual one */
function markClear(isClear) {
  for (const name of ["active", "clear"]) {
    document.querySelector(`[data-${name}]`)?.toggleAttribute("hidden", isClear);
  }
}

/** @param {string} text */
function numbersIn(text) {
  return text.split(/[\s,;]+/).filter(Boolean);
}
