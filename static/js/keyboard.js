// Shortcuts of one key. An element says which key is its own by data-shortcut; single keys can
// be switched off (WCAG 2.1.4), and keys of the browser are left alone.

const SWITCH = "bankportal.letters";

/** Listens for the shortcuts of the page and shows their list on request. */
export function startKeyboard() {
  document.addEventListener("keydown", onKey);
  const dialog = document.querySelector("#shortcuts");
  if (dialog instanceof HTMLDialogElement) startList(dialog);
  showHints();
  for (const field of document.querySelectorAll("[data-select-all]")) {
    if (!(field instanceof HTMLInputElement) || field !== document.activeElement) continue;
    // Where keys have come before this module did, the next one would take them away.
    if (field.value === field.defaultValue) field.select();
  }
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  if (key.length !== 1 || !lettersAreOn()) return;
  const target = document.querySelector(`[data-shortcut="${CSS.escape(key)}"]:not([hidden])`);
  if (!(target instanceof HTMLElement) || isTyping(event.target, target)) return;
  event.preventDefault();
  use(target);
}

/** @param {HTMLElement} target */
function use(target) {
  if (target instanceof HTMLAnchorElement && holdUp()) return;
  if (target instanceof HTMLInputElement && target.matches("[data-shortcut-focus]")) {
    target.focus();
    target.select();
    return;
  }
  target.click();
  // A kind that was chosen leads on to the amount.
  if (target instanceof HTMLInputElement && target.type === "radio") {
    const amount = target.form?.elements.namedItem("amount");
    if (amount instanceof HTMLInputElement) amount.focus();
  }
}

/**
 * Tells whether a key belongs to the field it was typed in rather than to the ``shortcut``. An
 * amount has no letters, so beside it they choose the kind, which leaves the amount as it is;
 * all else that they do waits until nothing is typed.
 * @param {EventTarget | null} field
 * @param {HTMLElement} shortcut
 */
function isTyping(field, shortcut) {
  if (!(field instanceof HTMLElement)) return false;
  if (field instanceof HTMLInputElement && field.matches("[data-slip] [inputmode=decimal]")) {
    return field.value !== "" && !shortcut.matches("[type=radio]");
  }
  return field.matches("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])");
}

/**
 * Keeps a key from leaving the page while a form holds what was typed and not sent; shows it
 * instead. Escape clears it.
 */
function holdUp() {
  const fields = document.querySelectorAll("[data-slip] input[type=text]");
  const typed = [...fields].find((field) => field instanceof HTMLInputElement && field.value !== "");
  if (!(typed instanceof HTMLInputElement)) return false;
  typed.focus();
  return true;
}

/** @param {HTMLDialogElement} dialog */
function startList(dialog) {
  for (const button of document.querySelectorAll("[data-open-shortcuts]")) {
    button.removeAttribute("hidden");
    button.addEventListener("click", () => dialog.showModal());
  }
  const choice = dialog.querySelector("[data-letters-on]");
  if (!(choice instanceof HTMLInputElement)) return;
  choice.checked = lettersAreOn();
  choice.addEventListener("change", () => {
    localStorage.setItem(SWITCH, choice.checked ? "on" : "off");
    showHints();
  });
}

function lettersAreOn() {
  return localStorage.getItem(SWITCH) !== "off";
}

function showHints() {
  const isOff = !lettersAreOn();
  for (const hint of document.querySelectorAll("[data-shortcut-hint]")) {
    if (/^[A-Z/?]$/.test(hint.textContent ?? "")) hint.toggleAttribute("hidden", isOff);
  }
}
