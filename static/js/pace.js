// The last hour: how many were posted each minute, and how long it took from click to posted.

import { colour, draw, font } from "./charts.js";
import { count, counted, duration, fill } from "./format.js";

const MINUTE_MS = 60_000;

/**
 * Gives the options that both charts share: quiet axes, and time below.
 * @param {(value: number) => string} written how a value is written
 * @param {(place: number) => string} timed how the moment of a place is
 */
function axes(written, timed) {
  return {
    scales: {
      x: { grid: { display: false }, ticks: { maxRotation: 0, autoSkip: true, autoSkipPadding: 24, callback: (/** @type {number} */ _value, /** @type {number} */ place) => timed(place) } },
      y: { beginAtZero: true, border: { display: false }, ticks: { maxTicksLimit: 4, precision: 0, padding: 6, callback: written } },
    },
  };
}

/**
 * Takes the theme's colours for the axes.
 * @param {any} chart
 */
function paintAxes(chart) {
  const { x, y } = chart.options.scales;
  for (const axis of [x, y]) {
    axis.ticks.color = colour(chart.canvas, "ink-3");
    axis.ticks.font = font(chart.canvas);
  }
  y.grid = { color: colour(chart.canvas, "chart-grid"), drawTicks: false };
  x.border = { color: colour(chart.canvas, "chart-axis") };
}

export class Rate {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { words, calendar }) {
    this.panel = panel;
    this.words = words;
    this.calendar = calendar;
    this.begin = 0;
    /** @type {number[]} */
    this.counts = [];
    this.canvas = /** @type {HTMLCanvasElement} */ (panel.querySelector("canvas"));
    this.chart = draw(this.canvas, {
      type: "bar",
      data: { labels: [], datasets: [{ data: [], barPercentage: 0.9, categoryPercentage: 0.95, backgroundColor: () => colour(this.canvas, "chart-1") }] },
      options: axes(count, (place) => this.timeOf(place)),
    });
    this.paint();
  }

  /** @param {number} place */
  timeOf(place) {
    return this.calendar.minutes(this.begin + place * MINUTE_MS);
  }

  /** @param {{ begin_ms: number, counts: number[] }} rate */
  show({ begin_ms: begin, counts }) {
    this.begin = begin;
    this.counts = counts;
    this.chart.data.labels = counts.map((_count, place) => place);
    this.chart.data.datasets[0].data = counts;
    this.canvas.setAttribute("aria-label", this.sentence());
    const now = /** @type {HTMLElement} */ (this.panel.querySelector("[data-rate]"));
    now.textContent = this.sentence();
    this.chart.update("none");
  }

  paint() {
    paintAxes(this.chart);
    this.chart.update("none");
  }

  sentence() {
    const whole = this.counts.reduce((sum, each) => sum + each, 0);
    const most = Math.max(0, ...this.counts);
    const text = counted(this.words, "rate_sentence", whole);
    return most ? `${text} ${fill(this.words.rate_most, { most: count(most), time: this.timeOf(this.counts.indexOf(most)) })}` : text;
  }

  table() {
    const rows = this.counts.map((each, place) => [this.timeOf(place), count(each)]);
    return { heads: [this.words.minute, this.words.transactions], rows: rows.reverse(), figures: [1] };
  }
}

/** @typedef {{ median_ms: number, ninety_five_ms: number } | null} Times */

export class Delay {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { words, calendar }) {
    this.panel = panel;
    this.words = words;
    this.calendar = calendar;
    /** @type {{ begin_ms: number, number: number, times: Times }[]} */
    this.spans = [];
    this.canvas = /** @type {HTMLCanvasElement} */ (panel.querySelector("canvas"));
    const line = (/** @type {string} */ token) => {
      const ink = () => colour(this.canvas, token);
      return { data: [], spanGaps: false, borderWidth: 2, borderColor: ink, backgroundColor: ink, pointRadius: 3 };
    };
    this.chart = draw(this.canvas, {
      type: "line",
      data: {
        labels: [],
        datasets: [
          { ...line("chart-1"), pointStyle: "circle" },
          { ...line("chart-2"), pointStyle: "rect", borderDash: [5, 3] },
        ],
      },
      options: axes(duration, (place) => this.timeOf(place)),
    });
    this.isEmpty = true;
    this.paint();
  }

  /** @param {number} place */
  timeOf(place) {
    return this.calendar.minutes(this.spans[place]?.begin_ms ?? 0);
  }

  /**
   * @param {{ times: Times, number: number, is_cut: boolean,
   *   spans: { begin_ms: number, number: number, times: Times }[] }} course
   */
  show({ times, number, is_cut: isCut, spans }) {
    this.spans = spans;
    this.isEmpty = !times;
    this.chart.data.labels = spans.map((_span, place) => place);
    const [median, most] = this.chart.data.datasets;
    median.data = spans.map((span) => span.times?.median_ms ?? null);
    most.data = spans.map((span) => span.times?.ninety_five_ms ?? null);
    const said = times
      ? fill(this.words.delay_sentence, { median: duration(times.median_ms), most: duration(times.ninety_five_ms) })
      : this.words.no_delay;
    this.canvas.setAttribute("aria-label", said);
    const write = (/** @type {string} */ name, /** @type {string} */ text) => {
      const element = this.panel.querySelector(`[data-${name}]`);
      if (element) element.textContent = text;
    };
    write("median", times ? duration(times.median_ms) : "–");
    write("most", times ? duration(times.ninety_five_ms) : "–");
    write("delay-number", counted(this.words, isCut ? "delay_cut" : "delay_of", number));
    this.chart.update("none");
  }

  paint() {
    paintAxes(this.chart);
    this.chart.update("none");
  }

  table() {
    const { words } = this;
    const written = (/** @type {number | undefined} */ each) => (each === undefined ? "–" : duration(each));
    const rows = this.spans.map((span, place) => [
      this.timeOf(place),
      count(span.number),
      written(span.times?.median_ms),
      written(span.times?.ninety_five_ms),
    ]);
    return { heads: [words.from_time, words.transactions, words.median, words.percent_95], rows: rows.reverse(), figures: [1, 2, 3] };
  }
}
