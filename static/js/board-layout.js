// An arrangement of panels, and what can be done to it. Nothing here touches a page, and each
// function gives the very arrangement that it was given where there is nothing to change.

/**
 * @typedef {"low" | "usual" | "tall"} Height
 * @typedef {{ readonly panel: string, readonly width: number, readonly height: Height }} Placed
 * @typedef {readonly Placed[]} Layout
 */

/** @type {Height[]} */
export const HEIGHTS = ["low", "usual", "tall"];

/**
 * Gives the place of a panel, from 0; -1 where it is not there.
 * @param {Layout} layout
 * @param {string} panel
 */
export function place(layout, panel) {
  return layout.findIndex((each) => each.panel === panel);
}

/**
 * Puts a panel at a place, counted without it.
 * @param {Layout} layout
 * @param {string} panel
 * @param {number} to
 * @returns {Layout}
 */
export function movedTo(layout, panel, to) {
  const from = place(layout, panel);
  const others = layout.filter((each) => each.panel !== panel);
  const at = Math.max(0, Math.min(others.length, to));
  return at === from ? layout : [...others.slice(0, at), layout[from], ...others.slice(at)];
}

/**
 * @param {Layout} layout
 * @param {string} panel
 * @param {Partial<Placed>} change
 * @returns {Layout}
 */
export function resized(layout, panel, change) {
  const before = layout[place(layout, panel)];
  const after = { ...before, ...change };
  if (after.width === before.width && after.height === before.height) return layout;
  return layout.map((each) => (each === before ? after : each));
}

/**
 * Makes a panel wider or narrower by a step of ``widths``.
 * @param {Layout} layout
 * @param {string} panel
 * @param {number} steps
 * @param {number[]} widths
 */
export function widened(layout, panel, steps, widths) {
  const { width } = layout[place(layout, panel)];
  return resized(layout, panel, { width: stepped(widths, nearest(widths, width), steps) });
}

/**
 * @param {Layout} layout
 * @param {string} panel
 * @param {number} steps
 */
export function heightened(layout, panel, steps) {
  const { height } = layout[place(layout, panel)];
  return resized(layout, panel, { height: stepped(HEIGHTS, height, steps) });
}

/**
 * @param {Layout} layout
 * @param {string} panel
 * @returns {Layout}
 */
export function without(layout, panel) {
  return layout.filter((each) => each.panel !== panel);
}

/**
 * Gives the step that is nearest to a number.
 * @param {number[]} steps
 * @param {number} number
 */
export function nearest(steps, number) {
  return steps.reduce((best, each) => (Math.abs(each - number) < Math.abs(best - number) ? each : best));
}

/**
 * Writes an arrangement as an address carries it; the server reads the same.
 * @param {Layout} layout
 */
export function written(layout) {
  return layout.map(({ panel, width, height }) => `${panel}-${width}-${height}`).join(".");
}

/**
 * @template T
 * @param {T[]} all
 * @param {T} from
 * @param {number} steps
 * @returns {T}
 */
export function stepped(all, from, steps) {
  return all[Math.max(0, Math.min(all.length - 1, all.indexOf(from) + steps))];
}
