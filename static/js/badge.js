// The badge that says how fresh the page is: live, reconnecting, stale since.

import { Calendar, fill } from "./format.js";

/** @typedef {"live" | "again" | "stale" | "out" | "rights"} Standing */

const LOOKS = { live: "on", again: "again", stale: "stale", out: "stale", rights: "stale" };

export class Badge {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.calendar = new Calendar(element.dataset.zone || "UTC");
    this.word = element.querySelector("[data-live-word]");
    this.age = element.querySelector("[data-live-age]");
    element.hidden = false;
  }

  /**
   * Shows how the connection stands. Only a change of words is announced, never the age.
   * @param {Standing} standing
   * @param {number} heardAt when the server was last heard, by this computer's clock
   */
  show(standing, heardAt) {
    this.element.className = `live live--${LOOKS[standing]}`;
    document.documentElement.dataset.live = standing;
    const word = this.element.dataset[standing] ?? "";
    const text = standing === "stale" ? `${word} ${this.calendar.seconds(heardAt)}` : word;
    if (this.word && this.word.textContent !== text) this.word.textContent = text;
    if (this.age) this.age.textContent = standing === "live" ? this.since(heardAt) : "";
  }

  /** @param {number} heardAt */
  since(heardAt) {
    const seconds = Math.max(0, Math.floor((Date.now() - heardAt) / 1000));
    return fill(this.element.dataset.age ?? "", { seconds });
  }
}
