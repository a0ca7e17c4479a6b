// The tools of a panel that shows some accounts of many: their order, a search, and pages.

import { count, counted } from "./format.js";

/** @typedef {{ by?: string, page?: number, find?: string }} Options */

const TYPED_FOR_MS = 300;

/** Fires "bankportal:ask" on the panel with the options that were chosen. */
export class Pager {
  /**
   * @param {HTMLElement} panel
   * @param {Record<string, string>} words
   */
  constructor(panel, words) {
    this.panel = panel;
    this.words = words;
    this.tools = /** @type {HTMLFormElement} */ (panel.querySelector("[data-tools]"));
    this.tools.hidden = false;
    this.by = /** @type {HTMLSelectElement} */ (this.tools.elements.namedItem("by"));
    this.find = /** @type {HTMLInputElement} */ (this.tools.elements.namedItem("find"));
    this.said = /** @type {HTMLElement} */ (panel.querySelector("[data-compared]"));
    const button = (/** @type {string} */ name) => /** @type {HTMLButtonElement} */ (panel.querySelector(`[data-${name}]`));
    this.previous = button("previous");
    this.next = button("next");
    this.page = this.timer = 0;
    this.by.addEventListener("change", () => this.ask(0));
    this.find.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(0), TYPED_FOR_MS);
    });
    this.tools.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(0);
    });
    for (const [turn, step] of /** @type {const} */ ([[this.previous, -1], [this.next, 1]])) {
      turn.addEventListener("click", () => turn.ariaDisabled === "true" || this.ask(this.page + step));
    }
  }

  /** @param {number} page */
  ask(page) {
    clearTimeout(this.timer);
    const detail = { by: this.by.value, find: this.find.value.trim(), page };
    this.panel.dispatchEvent(new CustomEvent("bankportal:ask", { detail }));
  }

  /**
   * Sets the tools as an address wants them. What is being typed stays.
   * @param {Options} options
   */
  restore({ by = "amount", find = "" }) {
    this.by.value = by;
    if (document.activeElement !== this.find) this.find.value = find;
  }

  /** @param {{ rows: object[], page: number, first: number, found: number, accounts: number }} compared */
  show({ rows, page, first, found, accounts }) {
    this.page = page;
    const values = { first: count(first + 1), last: count(first + rows.length) };
    const name = found < accounts ? "found" : "compared";
    this.said.textContent = rows.length ? counted(this.words, name, found, values) : this.words.none_found;
    const isPaged = found > rows.length;
    for (const turn of [this.previous, this.next]) turn.hidden = !isPaged;
    // Not disabled, or a button that was just pressed would lose the focus.
    this.previous.ariaDisabled = String(first === 0);
    this.next.ariaDisabled = String(first + rows.length >= found);
  }
}
