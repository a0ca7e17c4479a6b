// What all charts share: Chart.js itself, the colours of the theme, and how they are drawn.

/** Chart.js is vendored as a plain script, which leaves its name on the window. */
const Chart = /** @type {any} */ (globalThis).Chart;

const REM = parseFloat(getComputedStyle(document.documentElement).fontSize);

/** @param {number} rem */
export const pixels = (rem) => rem * REM;

/** @type {Map<Element, Map<string, string>>} */
const read = new Map();

/**
 * Reads a colour of the theme where the chart stands: a stale panel has paler ones. What draws
 * many shapes at once reads each but once, since the page has to be styled anew for that.
 * @param {Element} element
 * @param {string} token
 */
export function colour(element, token) {
  if (!read.size) queueMicrotask(() => read.clear());
  const known = read.get(element) ?? new Map();
  read.set(element, known);
  if (!known.has(token)) known.set(token, getComputedStyle(element).getPropertyValue(`--${token}`).trim());
  return known.get(token) ?? "";
}

/**
 * Makes a chart that changes in place and never moves by itself.
 * @param {HTMLCanvasElement} canvas
 * @param {any} configuration
 */
export function draw(canvas, configuration) {
  const { options = {}, ...rest } = configuration;
  return new Chart(canvas, {
    ...rest,
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      resizeDelay: 0,
      ...options,
      plugins: { legend: { display: false }, tooltip: { enabled: false }, colors: { enabled: false }, ...options.plugins },
    },
  });
}

/** @param {Element} element */
export function font(element) {
  return { family: getComputedStyle(element).fontFamily, size: pixels(0.75) };
}

/**
 * Makes the diagonal hatch that stands for withdrawals.
 * @param {HTMLCanvasElement} canvas
 * @param {string} line
 * @param {string} ground
 */
export function hatch(canvas, line, ground) {
  const tile = document.createElement("canvas");
  const scale = globalThis.devicePixelRatio || 1;
  const size = 7;
  tile.width = tile.height = size * scale;
  const pen = tile.getContext("2d");
  const context = canvas.getContext("2d");
  if (!pen || !context) return ground;
  pen.scale(scale, scale);
  pen.fillStyle = ground;
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = line;
  pen.lineWidth = 2.25;
  pen.beginPath();
  for (const start of [-size, 0, size]) {
    pen.moveTo(start - 1, size + 1);
    pen.lineTo(start + size + 1, -1);
  }
  pen.stroke();
  const pattern = context.createPattern(tile, "repeat");
  pattern?.setTransform(new DOMMatrix().scale(1 / scale));
  return pattern ?? ground;
}

/**
 * Calls back when the theme has changed, by the button or by the system.
 * @param {() => void} redraw
 */
export function onTheme(redraw) {
  addEventListener("bankportal:theme", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}
