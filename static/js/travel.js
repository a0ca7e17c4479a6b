// Time travel: the moment as of which a page is told, by a field, a slider, and steps.

import { now } from "./clock.js";
import { Calendar, fill } from "./format.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const RESTED_MS = 250;

export class Travel {
  /**
   * @param {HTMLElement} fieldset
   * @param {() => void} onChange called when another moment is chosen, or none
   */
  constructor(fieldset, onChange) {
    this.onChange = onChange;
    this.calendar = new Calendar(fieldset.dataset.zone || "UTC");
    const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (fieldset.querySelector(name));
    this.field = /** @type {HTMLInputElement} */ (part("[name=as_of]"));
    this.slider = /** @type {HTMLInputElement} */ (part("[data-slider]"));
    this.banner = document.querySelector("[data-past-banner]");
    /** @type {number | null} */
    this.at = null;
    this.shown = "";
    this.timer = 0;
    this.end = now();
    // Without an entry there is no time to go to.
    this.begin = Number(fieldset.dataset.begin) || now() - DAY_MS;
    part("[data-steps]").hidden = this.slider.hidden = false;
    for (const button of fieldset.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => this.move(Number(/** @type {HTMLElement} */ (button).dataset.step)));
    }
    this.slider.addEventListener("input", () => this.slide());
    this.slider.addEventListener("keydown", (event) => this.key(event));
    // The bar hears of every change within it; the slider says when it has come to rest.
    this.slider.addEventListener("change", (event) => event.stopPropagation());
    this.banner?.querySelector("[data-back-to-live]")?.addEventListener("click", (event) => {
      event.preventDefault();
      this.go(null);
    });
    this.measure();
  }

  measure() {
    const end = now();
    this.end = end;
    Object.assign(this.slider, { min: String(this.begin), max: String(end), step: String(MINUTE_MS) });
    this.slider.value = String(this.at ?? end);
    const text = this.at === null ? "" : this.written(this.at);
    this.slider.setAttribute("aria-valuetext", text || this.written(end));
  }

  slide() {
    const value = Number(this.slider.value);
    this.go(value >= this.end - MINUTE_MS ? null : value);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const turn = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    const page = { PageUp: 1, PageDown: -1 }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (turn) this.move(turn * (event.shiftKey ? HOUR_MS : MINUTE_MS));
    else if (page) this.move(page * DAY_MS);
    else if (event.key === "End") this.go(null);
    else if (event.key === "Home") this.go(this.begin);
    else return;
    event.preventDefault();
  }

  /** @param {number} milliseconds */
  move(milliseconds) {
    const from = this.at ?? now();
    const isDays = milliseconds % DAY_MS === 0;
    const to = isDays ? this.calendar.daysAfter(from, milliseconds / DAY_MS) : from + milliseconds;
    const sought = Math.max(this.begin, to);
    this.go(sought >= now() ? null : sought);
  }

  /**
   * Goes to a moment, or back to now. The page is asked for it once nobody moves any more.
   * @param {number | null} at
   */
  go(at) {
    this.show(at);
    clearTimeout(this.timer);
    this.timer = setTimeout(this.onChange, RESTED_MS);
  }

  /**
   * Shows which moment it is.
   * @param {number | null} at
   */
  show(at) {
    this.at = at;
    this.field.value = at === null ? "" : this.local(at);
    // The browser leaves out seconds of zero.
    this.shown = this.field.value;
    this.measure();
    document.documentElement.toggleAttribute("data-past", at !== null);
    if (at !== null) document.querySelector("[data-travel-fold]")?.setAttribute("open", "");
    this.banner?.toggleAttribute("hidden", at === null);
    const said = this.banner?.querySelector("[data-past-moment]");
    if (said instanceof HTMLElement && at !== null) said.textContent = fill(said.dataset.text ?? "", { moment: this.written(at) });
  }

  /** @param {number} at */
  written(at) {
    return `${this.calendar.dayOfYear(at)}, ${this.calendar.seconds(at)}`;
  }

  /**
   * The moment as an address says it: exactly, where nobody has typed another one. What the field
   * says has no milliseconds, and means two moments in the hour that a clock is put back by.
   */
  get text() {
    const { at, field } = this;
    return at !== null && field.value === this.shown ? new Date(at).toISOString() : field.value;
  }

  /**
   * Writes a moment as the field takes it, in the portal's time zone.
   * @param {number} at
   */
  local(at) {
    return `${this.calendar.iso.format(at)}T${this.calendar.seconds(at)}`;
  }
}
