// The agent's choice of light or dark. Kept in a cookie, so that the server renders the next
// page in it and no page flashes in the other one.

const YEAR_SECONDS = 31_536_000;

/** Shows the theme button and lets it change the theme. */
export function startTheme() {
  for (const button of document.querySelectorAll("[data-toggle-theme]")) {
    button.removeAttribute("hidden");
    button.addEventListener("click", toggle);
  }
}

function toggle() {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  const isSafe = location.protocol === "https:";
  const chosen = `${isSafe ? "__Host-theme" : "theme"}=${root.dataset.theme}`;
  document.cookie = `${chosen}; path=/; max-age=${YEAR_SECONDS}; samesite=lax${isSafe ? "; secure" : ""}`;
  // Charts read their colours from the stylesheet, and draw again when they hear this.
  window.dispatchEvent(new CustomEvent("bankportal:theme"));
}
