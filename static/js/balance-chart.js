// The balance of the chosen accounts: one mark a transaction, stepped.

import { colour, draw, font } from "./charts.js";
import { now } from "./clock.js";
import { amount, counted, fill, roundAmount, signed } from "./format.js";

/**
 * @typedef {[number, number | bigint, number | bigint]} Step moment, balance from then, change
 * @typedef {[number, number | bigint, number | bigint, number | bigint]} Span last moment, lowest
 *   balance, highest, and the one at its end
 * @typedef {{ account: string, holder: string, balance_minor: number | bigint,
 *   start_minor: number | bigint, number: number, is_daily: boolean, steps: Step[],
 *   spans: Span[] }} Line
 * @typedef {{ lines: Line[], begin_ms: number | null, end_ms: number | null, chosen: number,
 *   is_whole: boolean }} Balances
 */

const DAY_MS = 86_400_000;
const SPANS = [1, 2, 7, 14, 30, 61, 91, 182, 365, 730, 1826];
const SERIES = [
  { token: "chart-1", dash: [], point: "circle", hollow: false },
  { token: "chart-2", dash: [5, 3], point: "circle", hollow: true },
  { token: "chart-3", dash: [2, 3], point: "rect", hollow: false },
  { token: "chart-4", dash: [9, 3, 2, 3], point: "rectRot", hollow: true },
];
const SVG = "http://www.w3.org/2000/svg";
const LABEL_WIDTH = 96;
const LARGE_MARKS_UP_TO = 120;
const MOST_TICKS = 60;

export class BalanceChart {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { words, calendar }) {
    this.panel = panel;
    this.canvas = /** @type {HTMLCanvasElement} */ (panel.querySelector("canvas"));
    this.words = words;
    this.calendar = calendar;
    /** @type {Line[]} */
    this.lines = [];
    this.begin = this.end = 0;
    this.chart = draw(this.canvas, {
      type: "line",
      data: { datasets: [] },
      options: this.options(),
      plugins: [{ id: "ends", afterDatasetsDraw: (/** @type {any} */ chart) => this.writeEnds(chart) }],
    });
    this.paint();
  }

  options() {
    return {
      layout: { padding: { right: LABEL_WIDTH, top: 8 } },
      interaction: { mode: "nearest", intersect: false },
      scales: {
        x: { type: "linear", grid: { display: false }, ticks: this.dayTicks(), afterBuildTicks: (/** @type {any} */ axis) => this.buildTicks(axis) },
        y: { suggestedMin: 0, border: { display: false }, ticks: { maxTicksLimit: 6, callback: roundAmount } },
      },
      plugins: {
        tooltip: {
          enabled: true,
          animation: false,
          displayColors: false,
          filter: (/** @type {any} */ item) => this.isStep(item),
          callbacks: {
            title: (/** @type {any[]} */ items) => items.map((each) => this.calendar.recent(each.parsed.x)).join(),
            label: (/** @type {any} */ item) => this.tip(item),
          },
        },
      },
      onResize: () => this.fit(),
    };
  }

  dayTicks() {
    const write = (/** @type {number} */ at) => {
      if (this.end - this.begin <= 2 * DAY_MS) return this.calendar.minutes(at);
      const spansYears = this.calendar.year(this.begin) !== this.calendar.year(this.end);
      return spansYears ? this.calendar.dayOfYear(at) : this.calendar.day(at);
    };
    return { autoSkip: true, maxRotation: 0, callback: write };
  }

  /**
   * Puts a tick at the beginning of every so many days.
   * @param {any} axis
   */
  buildTicks(axis) {
    const span = this.end - this.begin;
    const wanted = span / DAY_MS / Math.max(2, axis.width / 90);
    axis.ticks = [];
    if (!(span > 0)) return;
    const days = span > 2 * DAY_MS ? (SPANS.find((each) => each >= wanted) ?? 3652) : 0;
    for (let place = 0; place < MOST_TICKS; place += 1) {
      const at = days ? this.calendar.daysAfter(this.begin, days * place) : this.begin + (span / 4) * place;
      if (at > this.end) break;
      axis.ticks.push({ value: at });
    }
  }

  /**
   * Draws the lines of a period. Without an end it goes on until now.
   * @param {Balances} balances
   */
  show({ lines, begin_ms: begin, end_ms: end, chosen, is_whole: isWhole }) {
    this.lines = lines;
    const moments = lines.flatMap((line) => marksOf(line).map((mark) => mark[0]));
    const present = now();
    const known = Math.min(end ?? present, present);
    const [first, last] = moments.length ? [Math.min(...moments), Math.max(...moments)] : [known - DAY_MS, known];
    this.end = Math.max(end ?? present, last);
    this.begin = begin ?? first - Math.max((this.end - first) / 40, DAY_MS / 24);
    // Nobody knows a balance of tomorrow.
    const until = Math.max(last, Math.min(this.end, present));
    // Lines first, so that each has the place of its account; behind them what they stand for.
    this.chart.data.datasets = [
      ...lines.map((line, place) => this.dataset(line, place, until)),
      ...lines.flatMap((line, place) => this.envelope(line, place)),
    ];
    Object.assign(this.chart.options.scales.x, { min: this.begin, max: this.end });
    this.colourAll();
    this.fit();
    this.canvas.setAttribute("aria-label", this.sentence());
    const write = (/** @type {string} */ name, /** @type {string} */ text) => {
      const element = this.panel.querySelector(`[data-${name}]`);
      if (element && element.textContent !== text) element.textContent = text;
    };
    this.panel.querySelector("[data-key]")?.replaceChildren(...this.key());
    write("steps-note", this.note());
    write("last-step", this.lastStep());
    const notes = [
      chosen > lines.length && lines.length ? fill(this.words.drawn_of, { shown: lines.length, chosen }) : "",
      isWhole ? "" : this.words.whole_balance,
    ];
    write("balance-note", notes.filter(Boolean).join(" "));
  }

  get isEmpty() {
    return !this.lines.length;
  }

  /**
   * @param {Line} line
   * @param {number} place
   * @param {number} until
   */
  dataset(line, place, until) {
    const { dash, point } = SERIES[place % SERIES.length];
    const points = marksOf(line).map((mark) => ({ x: mark[0], y: Number(mark[line.spans.length ? 3 : 1]) }));
    const last = points.at(-1)?.y ?? Number(line.start_minor);
    const data = [{ x: this.begin, y: Number(line.start_minor) }, ...points, { x: until, y: last }];
    const size = line.spans.length ? 0 : line.steps.length > LARGE_MARKS_UP_TO ? 1.5 : 3;
    return {
      label: line.account,
      data,
      stepped: true,
      // A mark at the very edge is shown whole.
      clip: 8,
      borderWidth: 2,
      borderDash: dash,
      pointStyle: point,
      // The ends of the line are no transactions, so they have no mark.
      pointRadius: data.map((_point, index) => (index && index < data.length - 1 ? size : 0)),
      pointHitRadius: 8,
      pointBorderWidth: 1.75,
      pointHoverRadius: 5,
    };
  }

  /**
   * Gives the band between the lowest and the highest balance of each span.
   * @param {Line} line
   * @param {number} place the account's own
   */
  envelope(line, place) {
    if (!line.spans.length) return [];
    const edge = (/** @type {number} */ part) => ({
      label: undefined,
      place,
      data: line.spans.map((span) => ({ x: span[0], y: Number(span[part]) })),
      // A span's edges are those of the time up to its moment.
      stepped: "after",
      borderWidth: 0,
      pointRadius: 0,
      pointHitRadius: 0,
    });
    return [{ ...edge(1), fill: false }, { ...edge(2), fill: "-1" }];
  }

  paint() {
    const { scales, plugins } = this.chart.options;
    const ink = colour(this.canvas, "ink-3");
    for (const axis of [scales.x, scales.y]) {
      axis.ticks.color = ink;
      axis.ticks.font = font(this.canvas);
    }
    scales.y.grid = { color: (/** @type {any} */ line) => colour(this.canvas, line.tick?.value === 0 ? "chart-axis" : "chart-grid"), drawTicks: false };
    scales.y.ticks.padding = 8;
    scales.x.border = { color: colour(this.canvas, "chart-axis") };
    Object.assign(plugins.tooltip, {
      backgroundColor: colour(this.canvas, "ink"),
      titleColor: colour(this.canvas, "surface"),
      bodyColor: colour(this.canvas, "surface"),
      bodyFont: font(this.canvas),
      titleFont: font(this.canvas),
    });
    this.colourAll();
    this.chart.update("none");
  }

  colourAll() {
    this.chart.data.datasets.forEach((/** @type {any} */ dataset, /** @type {number} */ place) => {
      const { token, hollow } = SERIES[(dataset.place ?? place) % SERIES.length];
      if (dataset.fill) dataset.backgroundColor = `color-mix(in srgb, ${colour(this.canvas, token)} 22%, transparent)`;
      dataset.borderColor = dataset.pointBorderColor = colour(this.canvas, token);
      dataset.pointBackgroundColor = hollow ? colour(this.canvas, "surface") : dataset.borderColor;
    });
  }

  fit() {
    if (!this.chart) return;
    this.isNarrow = this.canvas.clientWidth < 26 * 16;
    this.chart.options.layout.padding.right = this.isNarrow ? 8 : LABEL_WIDTH;
    this.chart.update("none");
  }

  /**
   * Writes account and balance at the end of each line, where there is room.
   * @param {any} chart
   */
  writeEnds(chart) {
    if (this.isNarrow) return;
    const { ctx: pen, chartArea } = chart;
    const { family, size } = font(this.canvas);
    const ends = this.lines.map((line, place) => ({ line, y: chart.getDatasetMeta(place).data.at(-1)?.y ?? 0 }));
    let free = chartArea.top - 20;
    pen.save();
    pen.textAlign = "left";
    for (const { line, y } of ends.sort((one, other) => one.y - other.y)) {
      free = Math.max(y, free + 32);
      pen.fillStyle = colour(this.canvas, "ink");
      pen.font = `600 ${size}px ${family}`;
      pen.fillText(line.account, chartArea.right + 10, free - 2, LABEL_WIDTH - 10);
      pen.fillStyle = colour(this.canvas, "ink-2");
      pen.font = `${size}px ${family}`;
      pen.fillText(amount(line.balance_minor), chartArea.right + 10, free + 12, LABEL_WIDTH - 10);
    }
    pen.restore();
  }

  /** @param {any} item */
  isStep(item) {
    const line = this.lines[item.datasetIndex];
    return Boolean(line) && item.dataIndex > 0 && item.dataIndex <= marksOf(line).length;
  }

  /** @param {any} item */
  tip(item) {
    const line = this.lines[item.datasetIndex];
    const span = line.spans[item.dataIndex - 1];
    if (span) return `${line.account}  ${amount(span[1])} … ${amount(span[2])} → ${amount(span[3])}`;
    const [, balance, change] = line.steps[item.dataIndex - 1];
    return `${line.account}  ${signed(change)} → ${amount(balance)}`;
  }

  /** Writes which line is whose, for where the lines have no room for their names. */
  key() {
    return this.lines.map((line, place) => {
      const entry = document.createElement("span");
      const mark = document.createElementNS(SVG, "svg");
      const stroke = document.createElementNS(SVG, "line");
      stroke.setAttribute("class", `s${(place % SERIES.length) + 1}`);
      for (const [name, value] of Object.entries({ x1: 0, x2: 16, y1: 6, y2: 6 })) stroke.setAttribute(name, String(value));
      const account = document.createElement("b");
      mark.append(stroke);
      account.textContent = line.account;
      entry.append(mark, account, ` ${amount(line.balance_minor)}`);
      return entry;
    });
  }

  sentence() {
    const ends = this.lines.map((line) =>
      counted(this.words, "balance_ends", line.number, {
        account: line.account,
        balance: amount(line.steps.at(-1)?.[1] ?? line.spans.at(-1)?.[3] ?? line.start_minor),
      }),
    );
    return [this.words.balance_sentence, ...ends].join(" ");
  }

  /** The same as a table: heads and rows. */
  table() {
    const { words } = this;
    const isFine = this.lines.every((line) => !line.spans.length);
    const middle = isFine ? [words.amount] : [words.lowest, words.highest];
    const rows = this.lines.flatMap((line) => [
      ...line.steps.map(([at, balance, change]) => isFine
        ? [line.account, this.calendar.day(at), signed(change), amount(balance)]
        : [line.account, this.calendar.recent(at), amount(balance), amount(balance), amount(balance)]),
      ...line.spans.map(([at, low, high, balance]) => [line.account, this.calendar.recent(at), amount(low), amount(high), amount(balance)]),
    ]);
    return { heads: [words.account, words.date, ...middle, words.balance], rows, figures: isFine ? [2, 3] : [2, 3, 4] };
  }

  /** How finely the lines are drawn. */
  note() {
    if (this.lines.some((line) => line.is_daily)) return this.words.envelope_of_days;
    return this.lines.some((line) => line.spans.length) ? this.words.envelope : this.words.step_a_transaction;
  }

  /** Names the last step of the first account. */
  lastStep() {
    const [line] = this.lines;
    const step = line?.steps.at(-1);
    if (!step) return "";
    const [at, balance, change] = step;
    const before = amount(BigInt(balance) - BigInt(change));
    return fill(this.words.last_step, { account: line.account, when: this.calendar.recent(at), before, after: amount(balance) });
  }
}

/**
 * Gives what a line is drawn by, in order of time: steps, or spans.
 * @param {Line} line
 * @returns {(Step | Span)[]}
 */
function marksOf(line) {
  return line.spans.length ? line.spans : line.steps;
}
