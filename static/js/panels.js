// The panels that a dashboard can have, by the names that its sections carry. A page has some
// of them, in any order. Each class draws what the server computed for its panel, in place.

import { BalanceChart } from "./balance-chart.js";
import { Bars, Heatmap } from "./comparison.js";
import { TwoDays } from "./day.js";
import { Largest, Low, Rejected } from "./lists.js";
import { LiveTable, PeriodTable } from "./live-rows.js";
import { Delay, Rate } from "./pace.js";
import { Tiles } from "./tiles.js";

/**
 * @typedef {import("./row-writer.js").Page} Page
 * @typedef {{ heads: string[], rows: string[][], figures: number[] }} Sheet a chart as a table;
 *   ``figures`` are the columns of numbers
 * @typedef {{ show: (figures: any) => void, paint?: () => void, table?: () => Sheet,
 *   isEmpty?: boolean, restore?: (asked: any) => void, forget?: () => void }} Drawn
 */

/** @type {Record<string, new (panel: HTMLElement, page: Page) => Drawn>} */
const PANELS = {
  totals: Tiles,
  day: TwoDays,
  live: LiveTable,
  balance: BalanceChart,
  heat: Heatmap,
  bars: Bars,
  period: PeriodTable,
  rate: Rate,
  largest: Largest,
  rejected: Rejected,
  low: Low,
  delay: Delay,
};

class Panel {
  /**
   * @param {HTMLElement} element
   * @param {string} name
   * @param {Page} page
   */
  constructor(element, name, page) {
    this.element = element;
    this.name = name;
    this.words = page.words;
    for (const chart of element.querySelectorAll("[data-chart]")) chart.removeAttribute("hidden");
    this.drawn = new PANELS[name](element, page);
    this.offerTable();
  }

  /** @param {any} figures */
  show(figures) {
    this.drawn.show(figures);
    if (this.drawn.isEmpty !== undefined) {
      this.element.classList.toggle("is-empty", this.drawn.isEmpty);
      this.element.querySelector("[data-empty]")?.toggleAttribute("hidden", !this.drawn.isEmpty);
    }
    this.fillTable();
  }

  paint() {
    this.drawn.paint?.();
  }

  offerTable() {
    const button = this.element.querySelector("[data-as-table]");
    if (!(button instanceof HTMLButtonElement)) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const isTable = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", String(isTable));
      button.textContent = isTable ? this.words.show_chart : this.words.show_table;
      this.element.classList.toggle("is-table", isTable);
      this.fillTable();
    });
  }

  /** Writes a chart's figures as a table, where the agent asked for it. */
  fillTable() {
    const place = this.element.querySelector("[data-table]");
    const isTable = this.element.classList.contains("is-table");
    if (!(place instanceof HTMLElement) || !this.drawn.table) return;
    place.hidden = !isTable;
    if (!isTable) return;
    const scrolled = place.scrollTop;
    place.replaceChildren(sheet(this.drawn.table()));
    place.scrollTop = scrolled;
  }
}

/**
 * Gives the panels of a page, by name, in their order.
 * @param {ParentNode} board
 * @param {Page} page
 */
export function panelsOf(board, page) {
  /** @type {Map<string, Panel>} */
  const panels = new Map();
  for (const element of board.querySelectorAll("[data-panel]")) {
    const name = element instanceof HTMLElement ? element.dataset.panel ?? "" : "";
    if (element instanceof HTMLElement && Object.hasOwn(PANELS, name)) panels.set(name, new Panel(element, name, page));
  }
  return panels;
}

/** @param {Sheet} sheet */
function sheet({ heads, rows, figures }) {
  const table = document.createElement("table");
  table.className = "sheet";
  const line = (/** @type {string[]} */ texts, /** @type {string} */ tag) => {
    const row = document.createElement("tr");
    row.append(...texts.map((text, column) => cell(tag, text, figures.includes(column))));
    return row;
  };
  table.createTHead().append(line(heads, "th"));
  table.createTBody().append(...rows.map((texts) => line(texts, "td")));
  return table;
}

/**
 * @param {string} tag
 * @param {string} text
 * @param {boolean} isFigure
 */
function cell(tag, text, isFigure) {
  const element = document.createElement(tag);
  if (tag === "th") element.setAttribute("scope", "col");
  if (isFigure) element.className = "figure";
  element.textContent = text;
  return element;
}
