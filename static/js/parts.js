// Brings marked parts of a page up to date from a fresh copy of it, in place.

let asked = 0;
let answered = 0;

/**
 * Fetches the page again and gives it as a document; null where one that was asked for later is
 * here already.
 * @returns {Promise<Document | null>}
 */
export async function freshPage() {
  const turn = ++asked;
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) throw new Error(`The page answered ${response.status}`);
  const text = await response.text();
  if (turn < answered) return null;
  answered = turn;
  return new DOMParser().parseFromString(text, "text/html");
}

/**
 * Takes over what the fresh copy has in the part of that name. The element itself stays, and
 * with it the focus.
 * @param {Document} fresh
 * @param {string} name
 */
export function takeOver(fresh, name) {
  const selector = `[data-part="${name}"]`;
  const [old, now] = [document.querySelector(selector), fresh.querySelector(selector)];
  if (!(old instanceof HTMLElement) || !(now instanceof HTMLElement)) return;
  const held = heldFocus(old);
  old.innerHTML = now.innerHTML;
  for (const [key, value] of Object.entries(now.dataset)) old.dataset[key] = value;
  showWhatScriptsCan(old);
  if (held !== null) focusables(old)[held]?.focus();
}

/**
 * Shows what needs a script, and hides what only stands in for one.
 * @param {ParentNode} part
 */
export function showWhatScriptsCan(part) {
  for (const each of part.querySelectorAll("[data-print]")) each.removeAttribute("hidden");
  for (const each of part.querySelectorAll("[data-without-script]")) each.setAttribute("hidden", "");
}

/** @param {HTMLElement} part */
function heldFocus(part) {
  const index = focusables(part).indexOf(/** @type {HTMLElement} */ (document.activeElement));
  return index < 0 ? null : index;
}

/**
 * @param {HTMLElement} part
 * @returns {HTMLElement[]}
 */
function focusables(part) {
  return [...part.querySelectorAll("a[href], button, input, [tabindex]")].filter(
    (each) => each instanceof HTMLElement,
  );
}
