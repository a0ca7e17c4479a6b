// Filters a list without leaving the page: the address changes with it, and back goes back.

import { FilterBar, chosenIn } from "./filter-bar.js";
import { newerIn, showNewer } from "./newer.js";
import { paced } from "./pacing.js";
import { freshPage } from "./parts.js";

const list = document.querySelector("[data-list]");
const form = document.querySelector("[data-filter]");
let latest = 0;

if (list instanceof HTMLElement && form instanceof HTMLFormElement) {
  const bar = new FilterBar(form, (query) => {
    history.pushState(null, "", `${location.pathname}?${query}`);
    load(bar);
  });
  window.addEventListener("popstate", () => load(bar, { restore: true }));
  const lookSoon = paced(look);
  for (const name of ["bankportal:entries", "visibilitychange"]) {
    window.addEventListener(name, () => document.hidden || lookSoon());
  }
  list.addEventListener("click", async (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("[data-show-newer]")) return;
    await load(bar);
    list.focus();
  });
}

/** Looks whether the list of this address has other rows by now. */
async function look() {
  const turn = latest;
  const fresh = await freshPage();
  if (fresh && turn === latest) showNewer(newerIn(fresh));
}

/**
 * Shows the list of the page's address.
 * @param {FilterBar} bar
 */
async function load(bar, { restore = false } = {}) {
  const turn = ++latest;
  const soon = setTimeout(() => turn === latest && show("loading", bar), 150);
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const now = fresh.querySelector("[data-list]");
    if (!response.ok || !now) throw new Error(`The list answered ${response.status}`);
    if (turn !== latest) return;
    clearTimeout(soon);
    if (list) list.innerHTML = now.innerHTML;
    const { filter, unknown, errors } = chosenIn(fresh);
    if (Object.keys(errors).length) return bar.refuse(errors, { restore });
    if (restore) bar.restore(filter);
    bar.settle(filter, unknown);
  } catch {
    clearTimeout(soon);
    if (turn === latest) show("failed", bar);
  }
}

/**
 * @param {string} name
 * @param {FilterBar} bar
 */
function show(name, bar) {
  const template = document.getElementById(name);
  const head = list?.querySelector(".panel__head");
  if (!(template instanceof HTMLTemplateElement) || !list || !head) return;
  list.replaceChildren(head, template.content.cloneNode(true));
  list.querySelector(".state a")?.addEventListener("click", (event) => {
    event.preventDefault();
    load(bar);
  });
}
