// Accounts side by side: how many transactions of each kind (heatmap), and how much (bars).
// Names and figures are text on the page; the canvas beside them holds the shapes, row by row.

import { colour, draw, font, hatch, pixels } from "./charts.js";
import { amount, count, counted, fill, roundAmount, signed } from "./format.js";
import { Pager } from "./pager.js";

/**
 * @typedef {{ account: string, holder: string, deposits: number, withdrawals: number,
 *   deposits_minor: number | bigint, withdrawals_minor: number | bigint }} Sums
 * @typedef {{ rows: Sums[], page: number, first: number, found: number, accounts: number,
 *   amounts_minor: number | bigint }} Compared
 */

const LEVELS = 5;
const ROW_REM = 2;
const NARROW_ROW_REM = 3;
const HEAD_REM = 1.75;
const KINDS = /** @type {const} */ (["deposits", "withdrawals"]);

/**
 * @param {HTMLElement} panel
 * @param {string} name
 */
const part = (panel, name) => /** @type {HTMLElement} */ (panel.querySelector(`[data-${name}]`));

/**
 * @param {string} className
 * @param {string} text
 */
function span(className, text) {
  const element = document.createElement("span");
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

export class Heatmap {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { words }) {
    this.panel = panel;
    this.words = words;
    this.canvas = /** @type {HTMLCanvasElement} */ (panel.querySelector("canvas"));
    this.pager = new Pager(panel, words);
    /** @type {Sums[]} */
    this.rows = [];
    this.greatest = 0;
    this.chart = draw(this.canvas, {
      type: "matrix",
      data: { datasets: [this.cells()] },
      options: {
        scales: {
          x: { type: "category", labels: KINDS, offset: true, display: false },
          // The plugin turns its axis round, and so against the rows on the page.
          y: { type: "category", labels: [], offset: true, display: false, reverse: false },
        },
      },
      plugins: [{ id: "numbers", afterDatasetsDraw: (/** @type {any} */ chart) => this.writeNumbers(chart) }],
    });
  }

  cells() {
    const area = (/** @type {any} */ context) => context.chart.chartArea ?? { width: 0 };
    return {
      /** @type {{ x: string, y: string, v: number }[]} */
      data: [],
      width: (/** @type {any} */ context) => area(context).width / 2 - 2,
      height: () => pixels(ROW_REM) - 2,
      backgroundColor: (/** @type {any} */ context) => colour(this.canvas, `heat-${this.level(context.raw?.v ?? 0)}`),
    };
  }

  /** @param {number} number */
  level(number) {
    // By the root, so that small numbers stay apart beside a great one.
    return number ? Math.ceil(Math.sqrt(number / this.greatest) * LEVELS) : 0;
  }

  /** @param {Compared} compared */
  show(compared) {
    const { rows } = compared;
    this.pager.show(compared);
    this.rows = rows;
    this.greatest = Math.max(1, ...rows.flatMap((row) => [row.deposits, row.withdrawals]));
    this.writeNames();
    const [dataset] = this.chart.data.datasets;
    dataset.data = rows.flatMap((row) => KINDS.map((kind) => ({ x: kind, y: row.account, v: row[kind] })));
    this.chart.options.scales.y.labels = rows.map((row) => row.account);
    part(this.panel, "greatest").textContent = count(this.greatest);
    part(this.panel, "scale").hidden = !rows.length;
    this.canvas.setAttribute("aria-label", this.sentence());
    this.fit();
  }

  get isEmpty() {
    return !this.rows.length;
  }

  /** @param {import("./pager.js").Options} asked */
  restore(asked) {
    this.pager.restore(asked);
  }

  writeNames() {
    const names = this.rows.map((row) => {
      const line = document.createElement("div");
      line.className = "heat__row";
      const name = span("heat__name", "");
      const number = document.createElement("b");
      number.textContent = row.account;
      name.append(number, ` ${row.holder}`);
      line.append(name);
      return line;
    });
    part(this.panel, "names").replaceChildren(...names);
  }

  fit() {
    const frame = /** @type {HTMLElement} */ (this.canvas.parentElement);
    frame.style.height = `${Math.max(1, this.rows.length) * ROW_REM}rem`;
    this.chart.resize();
    this.chart.update("none");
  }

  paint() {
    this.chart.update("none");
  }

  /** @param {any} chart */
  writeNumbers(chart) {
    const { ctx: pen } = chart;
    const { family } = font(this.canvas);
    pen.save();
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.font = `${pixels(0.8125)}px ${family}`;
    chart.getDatasetMeta(0).data.forEach((/** @type {any} */ cell, /** @type {number} */ place) => {
      const number = chart.data.datasets[0].data[place].v;
      const centre = cell.getCenterPoint();
      pen.fillStyle = colour(this.canvas, this.level(number) > 3 ? "heat-ink-strong" : "heat-ink");
      pen.fillText(count(number), centre.x, centre.y + 1);
    });
    pen.restore();
  }

  sentence() {
    const parts = this.rows.map(({ account, deposits, withdrawals }) =>
      fill(this.words.heat_part, {
        account,
        deposits: counted(this.words, "deposits_counted", deposits),
        withdrawals: counted(this.words, "withdrawals_counted", withdrawals),
      }),
    );
    return [this.words.heat_sentence, ...parts].join(" ");
  }

  table() {
    const { words } = this;
    const rows = this.rows.map((row) => [`${row.account} ${row.holder}`, count(row.deposits), count(row.withdrawals)]);
    return { heads: [words.account, words.deposits, words.withdrawals], rows, figures: [1, 2] };
  }
}

export class Bars {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { words }) {
    this.panel = panel;
    this.words = words;
    this.canvas = /** @type {HTMLCanvasElement} */ (panel.querySelector("canvas"));
    this.pager = new Pager(panel, words);
    /** @type {Sums[]} */
    this.rows = [];
    const bar = { barThickness: pixels(1), stack: "amounts" };
    this.chart = draw(this.canvas, {
      type: "bar",
      data: { labels: [], datasets: [{ ...bar, data: [] }, { ...bar, data: [], borderWidth: 1 }] },
      options: {
        indexAxis: "y",
        scales: { x: this.amounts(), y: { stacked: true, display: false } },
        onResize: () => this.fit(),
      },
    });
    this.paint();
  }

  amounts() {
    return {
      stacked: true,
      position: "top",
      beginAtZero: true,
      border: { display: false },
      grid: { drawTicks: false, color: (/** @type {any} */ line) => colour(this.canvas, line.tick?.value === 0 ? "chart-axis" : "chart-grid") },
      ticks: { maxTicksLimit: 5, maxRotation: 0, padding: 4, align: "inner", callback: roundAmount },
      afterFit: (/** @type {any} */ axis) => {
        // An axis that is not shown takes no room either.
        axis.height = this.isNarrow ? 0 : pixels(HEAD_REM);
      },
    };
  }

  /** @param {Compared} compared */
  show(compared) {
    const { rows, amounts_minor: total } = compared;
    this.pager.show(compared);
    this.rows = rows;
    this.writeNames();
    part(this.panel, "share").textContent = rows.length ? this.share(total) : "";
    const { labels, datasets } = this.chart.data;
    labels.splice(0, labels.length, ...rows.map((row) => row.account));
    datasets[0].data = rows.map((row) => Number(row.deposits_minor));
    datasets[1].data = rows.map((row) => Number(row.withdrawals_minor));
    this.canvas.setAttribute("aria-label", this.sentence());
    this.fit();
    this.chart.resize();
    this.chart.update("none");
  }

  writeNames() {
    const lines = this.rows.map((row) => {
      const line = document.createElement("div");
      line.append(
        span("bars__name", row.account),
        span("", ""),
        span("figure", signed(row.deposits_minor)),
        span("figure", signed(-row.withdrawals_minor)),
      );
      return line;
    });
    part(this.panel, "names").replaceChildren(...lines);
  }

  get isEmpty() {
    return !this.rows.length;
  }

  /** @param {import("./pager.js").Options} asked */
  restore(asked) {
    this.pager.restore(asked);
  }

  fit() {
    if (!this.chart) return;
    const frame = /** @type {HTMLElement} */ (this.canvas.parentElement);
    // The stylesheet says which of its two layouts the panel is wide enough for.
    this.isNarrow = getComputedStyle(frame).getPropertyValue("--narrow").trim() === "1";
    const rows = Math.max(1, this.rows.length);
    const height = this.isNarrow ? rows * NARROW_ROW_REM : rows * ROW_REM + HEAD_REM;
    frame.style.height = `${height}rem`;
    this.chart.options.scales.x.display = !this.isNarrow;
  }

  paint() {
    const [paidIn, paidOut] = this.chart.data.datasets;
    const line = colour(this.canvas, "chart-withdrawal");
    paidIn.backgroundColor = colour(this.canvas, "chart-deposit");
    paidOut.backgroundColor = hatch(this.canvas, line, colour(this.canvas, "surface"));
    paidOut.borderColor = line;
    const { ticks } = this.chart.options.scales.x;
    ticks.color = colour(this.canvas, "ink-3");
    ticks.font = font(this.canvas);
    this.fit();
    this.chart.update("none");
  }

  sentence() {
    const parts = this.rows.map((row) =>
      fill(this.words.bars_part, {
        account: row.account,
        deposits: amount(row.deposits_minor),
        withdrawals: amount(row.withdrawals_minor),
      }),
    );
    return [this.words.bars_sentence, ...parts].join(" ");
  }

  table() {
    const { words } = this;
    const rows = this.rows.map((row) => [`${row.account} ${row.holder}`, signed(row.deposits_minor), signed(-row.withdrawals_minor)]);
    return { heads: [words.account, words.deposits, words.withdrawals], rows, figures: [1, 2] };
  }

  /**
   * Tells which part of all amounts these accounts make.
   * @param {number | bigint} total
   */
  share(total) {
    const shown = this.rows.reduce((sum, row) => sum + Number(row.deposits_minor) + Number(row.withdrawals_minor), 0);
    const percent = Number(total) ? Math.round((100 * shown) / Number(total)) : 0;
    return counted(this.words, "share", this.rows.length, { percent });
  }
}
