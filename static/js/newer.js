// The bar above a list that says how many of its rows the page does not show yet. Rows move only
// when the agent asks: they might be what the agent is reading.

/**
 * Counts the rows that the page does not show yet, or shows in an earlier state.
 * @param {Document} fresh the same page as it is now
 */
export function newerIn(fresh) {
  return [...fresh.querySelectorAll("tr[data-transaction]")].filter((row) => {
    const name = CSS.escape(row.getAttribute("data-transaction") ?? "");
    const shown = document.querySelector(`tr[data-transaction="${name}"]`);
    return shown?.querySelector(".badge")?.className !== row.querySelector(".badge")?.className;
  }).length;
}

/** @param {number} count */
export function showNewer(count) {
  const bar = document.querySelector("[data-newer]");
  const text = bar?.querySelector("[data-newer-count]");
  if (!(bar instanceof HTMLElement) || !text) return;
  bar.hidden = count === 0;
  const form = count === 1 ? bar.dataset.one : bar.dataset.many;
  text.textContent = (form ?? "").replace("{count}", String(count));
}
