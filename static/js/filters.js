// Filters a list without leaving the page: the address changes with it, and back goes back.

const list = document.querySelector("[data-list]");
const form = document.querySelector("[data-filters]");
let latest = 0;

if (list instanceof HTMLElement && form instanceof HTMLFormElement) {
  foldOnNarrowScreens();
  form.addEventListener("change", () => follow(addressOf(form)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    follow(addressOf(form));
  });
  window.addEventListener("popstate", () => load(location.href));
}

/**
 * Gives the address of a filter, without the fields that are empty.
 * @param {HTMLFormElement} filter
 */
function addressOf(filter) {
  const address = new URL(filter.action);
  for (const [name, value] of new FormData(filter)) {
    if (typeof value === "string" && value.trim()) address.searchParams.set(name, value.trim());
  }
  return address.href;
}

/** @param {string} address */
function follow(address) {
  history.pushState(null, "", address);
  load(address);
}

/** @param {string} address */
async function load(address) {
  const turn = ++latest;
  const soon = setTimeout(() => turn === latest && show("loading"), 150);
  try {
    const response = await fetch(address, { headers: { Accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const now = fresh.querySelector("[data-list]");
    if (!response.ok || !now) throw new Error(`The list answered ${response.status}`);
    if (turn !== latest) return;
    clearTimeout(soon);
    if (list) list.innerHTML = now.innerHTML;
    takeOverBar(fresh);
  } catch {
    clearTimeout(soon);
    if (turn === latest) show("failed");
  }
}

/**
 * Brings the bar's links and errors up to date, and leaves alone what is being typed in.
 * @param {Document} fresh
 */
function takeOverBar(fresh) {
  for (const selector of [".choice--links", ".filters__end", ".filters-fold > summary"]) {
    const [old, now] = [document.querySelector(selector), fresh.querySelector(selector)];
    if (old && now) old.innerHTML = now.innerHTML;
  }
  for (const field of fresh.querySelectorAll("[data-filters] .field")) {
    const input = field.querySelector("input, select");
    const old = input && document.getElementById(input.id)?.closest(".field");
    if (!old || old.contains(document.activeElement)) continue;
    old.className = field.className;
    old.innerHTML = field.innerHTML;
  }
}

/** @param {string} name */
function show(name) {
  const template = document.getElementById(name);
  const head = list?.querySelector(".panel__head");
  if (!(template instanceof HTMLTemplateElement) || !list || !head) return;
  list.replaceChildren(head, template.content.cloneNode(true));
  list.querySelector(".state a")?.addEventListener("click", (event) => {
    event.preventDefault();
    load(location.href);
  });
}

function foldOnNarrowScreens() {
  const fold = document.querySelector("[data-fold]");
  const narrow = matchMedia("(max-width: 44rem)");
  const set = () => fold?.toggleAttribute("open", !narrow.matches);
  narrow.addEventListener("change", set);
  set();
}
