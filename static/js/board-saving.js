// Saving a dashboard: what the forms send is how it stands at that moment.

import { written } from "./board-layout.js";

/** @param {import("./board-arrange.js").Arranging} arranging */
export function startSaving(arranging) {
  for (const form of document.querySelectorAll("form[data-board-form]")) {
    if (form instanceof HTMLFormElement) form.addEventListener("submit", (event) => send(event, form, arranging));
  }
  // A page that the browser kept must be able to send its forms again.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-board-form]")) form.removeAttribute("data-sent");
  });
}

/**
 * @param {Event} event
 * @param {HTMLFormElement} form
 * @param {import("./board-arrange.js").Arranging} arranging
 */
function send(event, form, arranging) {
  if (form.hasAttribute("data-sent")) event.preventDefault();
  form.setAttribute("data-sent", "");
  field(form, "layout").value = written(arranging.layout);
  // The filter changes without a new page.
  if (form.hasAttribute("data-new-query")) field(form, "query").value = location.search.slice(1);
}

/**
 * @param {HTMLFormElement} form
 * @param {string} name
 */
function field(form, name) {
  return /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
}
