// Copies of what the page's own templates hold.

/**
 * Copies what a template of the page holds.
 * @param {string} id
 */
export function template(id) {
  const found = document.getElementById(id);
  if (!(found instanceof HTMLTemplateElement)) throw new Error(`The page lacks the template ${id}`);
  return /** @type {Element} */ (/** @type {Element} */ (found.content.firstElementChild).cloneNode(true));
}
