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
  const response = await fetch(ownAddress(), { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) throw new Error(`The page answered ${response.status}`);
  const text = await response.text();
  if (turn < answered) return null;
  answered = turn;
  return new DOMParser().parseFromString(text, "text/html");
}

/** Where the page is had again: what answers a form that was refused stands at the form's address. */
function ownAddress() {
  const named = document.querySelector("[data-own-address]");
  return named instanceof HTMLElement ? named.dataset.ownAddress ?? location.href : location.href;
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
  if (held) sameIn(old, held)?.focus();
}

/**
 * Shows what needs a script, and hides what only stands in for one.
 * @param {ParentNode} part
 */
export function showWhatScriptsCan(part) {
  for (const each of part.querySelectorAll("[data-print]")) each.removeAttribute("hidden");
  for (const each of part.querySelectorAll("[data-without-script]")) each.setAttribute("hidden", "");
}

/**
 * Gives what has the focus: by where it leads, for what leads nowhere by its place.
 * @param {HTMLElement} part
 */
function heldFocus(part) {
  const place = focusables(part).indexOf(/** @type {HTMLElement} */ (document.activeElement));
  return place < 0 ? null : { place, address: document.activeElement?.getAttribute("href") ?? null };
}

/**
 * @param {HTMLElement} part
 * @param {{ place: number, address: string | null }} held
 */
function sameIn(part, { place, address }) {
  const all = focusables(part);
  return address === null ? all[place] : all.find((each) => each.getAttribute("href") === address);
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
