// The buttons that each panel has while it is being arranged, and the keys of its handle.

import { fill } from "./format.js";
import { template } from "./templates.js";

/**
 * @typedef {"before" | "after" | "first" | "last" | "narrower" | "wider" | "lower" | "taller"
 *   | "remove" | "handle"} Act
 */

/** @type {Record<string, Act>} */
const KEYS = {
  ArrowLeft: "before",
  ArrowUp: "before",
  ArrowRight: "after",
  ArrowDown: "after",
  Home: "first",
  End: "last",
  Delete: "remove",
};

/** @type {Record<string, Act>} */
const KEYS_WITH_SHIFT = {
  ArrowLeft: "narrower",
  ArrowRight: "wider",
  ArrowUp: "lower",
  ArrowDown: "taller",
};

/**
 * Puts the tools into a panel, and lets nothing else in it be pressed meanwhile.
 * @param {HTMLElement} panel
 * @param {string} title
 * @param {Record<string, string>} words
 * @param {(act: Act) => void} onAct
 */
export function addTools(panel, title, words, onAct) {
  for (const each of panel.children) each.toggleAttribute("inert", true);
  panel.removeAttribute("tabindex");
  const tools = template("panel-tools");
  const bar = /** @type {HTMLElement} */ (tools.querySelector("[role=toolbar]"));
  bar.setAttribute("aria-label", fill(words.tools, { title }));
  startBar(bar);
  for (const button of tools.querySelectorAll("button")) {
    const act = /** @type {Act} */ (button.dataset.tool);
    const label = fill(words[act], { title });
    button.setAttribute("aria-label", label);
    button.title = label;
    button.addEventListener("click", () => onAct(act));
  }
  const grip = handle(tools);
  grip?.setAttribute("aria-describedby", "arrange-keys");
  grip?.addEventListener("keydown", (event) => {
    const act = actOf(event);
    if (!act) return;
    event.preventDefault();
    onAct(act);
  });
  panel.prepend(tools);
  panel.append(template("panel-corner"));
}

/**
 * Makes the buttons one stop of the tab key, with arrow keys between them: with a dozen panels,
 * nobody should have to pass a hundred buttons.
 * @param {HTMLElement} bar
 */
function startBar(bar) {
  const all = [...bar.querySelectorAll("button")];
  const stopAt = (/** @type {HTMLElement} */ stop) => {
    for (const each of all) each.tabIndex = each === stop ? 0 : -1;
  };
  stopAt(all[0]);
  bar.addEventListener("focusin", ({ target }) => target instanceof HTMLElement && stopAt(target));
  // The first one is there on any screen.
  bar.addEventListener("focusout", () => stopAt(all[0]));
  bar.addEventListener("keydown", (event) => {
    const shown = all.filter((each) => each.checkVisibility());
    const at = shown.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: shown.length - 1 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    shown[(to + shown.length) % shown.length].focus();
  });
}

/** @param {HTMLElement} panel */
export function removeTools(panel) {
  for (const each of panel.querySelectorAll(":scope > .tools, :scope > .corner")) each.remove();
  for (const each of panel.children) each.toggleAttribute("inert", false);
  // What a low panel has no room for is scrolled to by keyboard too.
  if (panel.dataset.height === "low") panel.tabIndex = 0;
}

/**
 * Writes the panel's size beside its handle.
 * @param {HTMLElement} panel
 * @param {string} text
 */
export function writeSize(panel, text) {
  const place = panel.querySelector("[data-size]");
  if (place) place.textContent = text;
}

/**
 * @param {ParentNode} panel
 * @returns {HTMLElement | null}
 */
export function handle(panel) {
  return panel.querySelector("[data-tool=handle]");
}

/** @param {KeyboardEvent} event */
function actOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  return (event.shiftKey ? KEYS_WITH_SHIFT : KEYS)[event.key];
}
