// The banners that say what waits longer than usual. They come and go by the server's heartbeat.

import { feed } from "./feed.js";
import { Calendar, count, fill } from "./format.js";

/** @typedef {{ number: number, since_ms: number } | null} Delayed */

feed.addEventListener("heartbeat", (event) => {
  const { delays, day } = /** @type {CustomEvent<{ delays: Record<string, Delayed>, day: string }>} */ (event).detail;
  for (const banner of document.querySelectorAll("[data-delayed]")) {
    if (banner instanceof HTMLElement) show(banner, delays[banner.dataset.delayed ?? ""], day);
  }
});

/**
 * Shows a banner or hides it. It is shown before it is filled, so that its words are announced.
 * @param {HTMLElement} banner
 * @param {Delayed} delayed
 * @param {string} day the server's
 */
function show(banner, delayed, day) {
  banner.hidden = !delayed;
  if (!delayed) return;
  const [since, number] = [banner.querySelector("[data-delayed-since]"), banner.querySelector("[data-delayed-number]")];
  if (!(since instanceof HTMLElement) || !number) return;
  const time = new Calendar(banner.dataset.zone || "UTC", day).since(delayed.since_ms);
  const text = fill(since.dataset.text ?? "", { time });
  if (since.textContent !== text) since.textContent = text;
  number.textContent = count(delayed.number);
}
