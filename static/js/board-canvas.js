// The panels of a dashboard as they stand on the page.

/**
 * @typedef {import("./board-layout.js").Layout} Layout
 * @typedef {import("./board-layout.js").Placed} Placed
 */

// As static/css/charts.css has it.
const ONE_COLUMN = matchMedia("(max-width: 48rem)");

export class BoardCanvas {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
  }

  /** All panels that were rendered, also those that have been removed since. */
  get panels() {
    return /** @type {HTMLElement[]} */ ([...this.element.querySelectorAll(":scope > [data-panel]")]);
  }

  get shown() {
    return this.panels.filter((each) => !each.hidden);
  }

  /**
   * @param {string} name
   * @returns {HTMLElement | null}
   */
  panel(name) {
    return this.element.querySelector(`:scope > [data-panel="${CSS.escape(name)}"]`);
  }

  /** @param {Layout} layout */
  hasAll(layout) {
    return layout.every(({ panel }) => this.panel(panel));
  }

  /** Whether the screen is so narrow that every panel takes all of its width. */
  get isOneColumn() {
    return ONE_COLUMN.matches;
  }

  /**
   * Shows an arrangement. The panels stay the elements that they are, with what they show.
   * @param {Layout} layout
   */
  show(layout) {
    const held = document.activeElement;
    const names = new Set(layout.map(({ panel }) => panel));
    for (const each of this.panels) each.hidden = !names.has(each.dataset.panel ?? "");
    layout.forEach((placed, index) => {
      const panel = this.panel(placed.panel);
      if (!panel) return;
      size(panel, placed);
      const there = this.panels[index];
      if (there !== panel) put(this.element, panel, there);
    });
    // An element that is put elsewhere loses the focus that was in it.
    if (held instanceof HTMLElement && held !== document.activeElement && held.checkVisibility()) {
      held.focus({ preventScroll: true });
    }
  }
}

/**
 * @param {HTMLElement} panel
 * @param {Placed} placed
 */
function size(panel, { width, height }) {
  const kept = [...panel.classList].filter((name) => !/^(span-\d+|panel--(low|usual|tall))$/.test(name));
  panel.className = [...kept, `span-${width}`, `panel--${height}`].join(" ");
  panel.dataset.width = String(width);
  panel.dataset.height = height;
}

/**
 * @param {HTMLElement} parent
 * @param {HTMLElement} child
 * @param {HTMLElement} before
 */
function put(parent, child, before) {
  // Newer browsers move an element without taking it out, so that it keeps all of its state.
  const { moveBefore } = /** @type {any} */ (parent);
  if (moveBefore) moveBefore.call(parent, child, before);
  else parent.insertBefore(child, before);
}
