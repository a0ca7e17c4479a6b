// The dashboard: shows what the server computed, and what the feed brings, in place.

import { BalanceChart } from "./balance-chart.js";
import { onTheme } from "./charts.js";
import { ChoiceBar } from "./choice.js";
import { Bars, Heatmap } from "./comparison.js";
import { feed } from "./feed.js";
import { Calendar, counted, parse } from "./format.js";
import { LiveTable, PeriodTable, RowWriter } from "./live-rows.js";
import { Tiles } from "./tiles.js";

/**
 * @typedef {import("./feed.js").Entry} Entry
 * @typedef {{ begin_ms: number | null, end_ms: number | null, totals: import("./tiles.js").Totals,
 *   waiting: import("./tiles.js").Waiting, delays: import("./tiles.js").Delays,
 *   compared: import("./comparison.js").Sums[], accounts_with_transactions: number,
 *   lines: import("./balance-chart.js").Line[], rows: Entry[] }} Figures
 * @typedef {{ position: string, choice: import("./choice.js").Chosen, figures: Figures,
 *   newest: Entry[], accounts: number, unknown: string[], period: string }} Shown
 * @typedef {{ table: () => { heads: string[], rows: string[][], figures: number[] } }} Tabular
 */

const LENGTH = 12;
const LEAST_GAP_MS = 250;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15_000;

const page = /** @type {HTMLElement} */ (document.querySelector("[data-dashboard]"));
const words = /** @type {Record<string, string>} */ (read("dashboard-words"));

/** @param {string} id */
function read(id) {
  return parse(document.getElementById(id)?.textContent ?? "null");
}

/** @param {string} name */
function panel(name) {
  return /** @type {HTMLElement} */ (page.querySelector(`[data-panel="${name}"]`));
}

class Dashboard {
  /** @param {Shown} shown */
  constructor(shown) {
    const calendar = new Calendar(page.dataset.zone || "UTC");
    const writer = new RowWriter(page, words, calendar);
    this.tiles = new Tiles(page, writer);
    this.live = new LiveTable(panel("live"), writer, LENGTH);
    this.period = new PeriodTable(panel("period"), writer);
    for (const chart of page.querySelectorAll("[data-chart]")) chart.removeAttribute("hidden");
    const canvas = /** @type {HTMLCanvasElement} */ (page.querySelector("[data-canvas=balance]"));
    this.balance = new BalanceChart(canvas, words, calendar);
    this.heat = new Heatmap(panel("heat"), words);
    this.bars = new Bars(panel("bars"), words);
    this.bar = new ChoiceBar(
      /** @type {HTMLFormElement} */ (page.querySelector("[data-choice]")),
      words,
      shown.choice,
      (query) => this.choose(query),
    );
    this.query = this.bar.query();
    /** @type {Figures | null} */
    this.waiting = null;
    this.isUnreadable = false;
    this.turn = this.drawnAt = this.timer = this.retry = 0;
    this.retryAfter = FIRST_RETRY_MS;
    this.listen();
    this.takeOver(shown);
  }

  listen() {
    feed.addEventListener("entries", (event) => this.takeEntries(detail(event)));
    feed.addEventListener("figures", (event) => this.takeFigures(detail(event).figures));
    feed.addEventListener("unreadable", () => this.setUnreadable(true));
    feed.addEventListener("reload", () => this.load());
    feed.addEventListener("standing", () => this.showStanding());
    this.live.button.addEventListener("click", () => this.pause(!this.live.isPaused));
    page.querySelector("[data-retry]")?.addEventListener("click", () => this.load());
    addEventListener("popstate", () => this.goBack());
    onTheme(() => this.paint());
    for (const name of ["balance", "heat", "bars"]) this.offerTable(panel(name), this.chart(name));
  }

  /**
   * @param {string} name
   * @returns {Tabular}
   */
  chart(name) {
    return name === "balance" ? this.balance : name === "heat" ? this.heat : this.bars;
  }

  /**
   * Shows the server's data for a choice, and follows the ledger from there.
   * @param {Shown} shown
   */
  takeOver(shown) {
    this.accounts = shown.accounts;
    this.bar.settle(shown.choice, shown.unknown);
    const period = page.querySelector("[data-period]");
    if (period) period.textContent = shown.period;
    for (const link of page.querySelectorAll("[data-of-period]")) {
      if (link instanceof HTMLAnchorElement) link.search = datesOf(shown);
    }
    this.waiting = null;
    this.draw(shown.figures);
    feed.follow(shown.choice, shown.position);
  }

  /** @param {{ entries: Entry[], count: number, complete: boolean }} news */
  takeEntries(news) {
    this.live.take(news.entries, news.complete ? transactionsIn(news.entries) : news.count);
  }

  /** @param {Figures} figures */
  takeFigures(figures) {
    if (this.isUnreadable) this.setUnreadable(false);
    this.waiting = figures;
    clearTimeout(this.timer);
    if (this.live.isPaused) return;
    const wait = Math.max(0, this.drawnAt + LEAST_GAP_MS - performance.now());
    this.timer = setTimeout(() => this.waiting && this.draw(this.waiting), wait);
  }

  /** @param {boolean} isUnreadable */
  setUnreadable(isUnreadable) {
    this.isUnreadable = isUnreadable;
    setFailed(isUnreadable);
  }

  /** @param {Figures} figures */
  draw(figures) {
    this.waiting = null;
    this.drawnAt = performance.now();
    this.tiles.show(figures);
    this.period.show(figures.rows, figures.totals.deposits + figures.totals.withdrawals);
    this.balance.show(figures.lines, figures.begin_ms, figures.end_ms);
    this.heat.show(figures.compared);
    this.bars.show(figures.compared);
    this.describe(figures);
    for (const name of ["balance", "heat", "bars"]) fillTable(panel(name), this.chart(name));
  }

  /** @param {Figures} figures */
  describe({ totals, lines, compared, accounts_with_transactions: active }) {
    page.querySelector("[data-key]")?.replaceChildren(...this.balance.key());
    write("steps-note", this.balance.note());
    write("last-step", this.balance.lastStep());
    write("compared", counted(words, "compared", active, { shown: compared.length }));
    write("share", this.bars.share(BigInt(totals.deposits_minor) + BigInt(totals.withdrawals_minor)));
    const others = active - compared.length;
    write("others", others > 0 ? counted(words, "others", others) : "");
    setEmpty(panel("balance"), !lines.length);
    for (const name of ["heat", "bars"]) setEmpty(panel(name), !compared.length);
  }

  /** @param {string} query */
  choose(query) {
    if (query === this.query) return;
    this.query = query;
    history.pushState(null, "", `?${query}`);
    this.load();
  }

  goBack() {
    this.query = location.search.slice(1);
    this.load({ restore: true });
  }

  /**
   * Reads the page's data anew. While it cannot be had, the old figures stay, and it is asked
   * for again.
   */
  async load({ restore = false } = {}) {
    const turn = ++this.turn;
    clearTimeout(this.retry);
    page.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(`${page.dataset.figuresUrl}?${this.query}`, { headers: { Accept: "application/json" } });
      if (response.status === 400) return this.refuse((await response.json()).errors);
      if (!response.ok || response.redirected) throw new Error(`The figures answered ${response.status}`);
      const shown = /** @type {Shown} */ (parse(await response.text()));
      if (turn !== this.turn) return;
      if (restore) this.bar.restore(shown.choice);
      this.live.replace(shown.newest);
      this.takeOver(shown);
      this.retryAfter = FIRST_RETRY_MS;
      setFailed(false);
    } catch {
      if (turn !== this.turn) return;
      setFailed(true);
      this.retry = setTimeout(() => this.load({ restore }), this.retryAfter);
      this.retryAfter = Math.min(LONGEST_RETRY_MS, this.retryAfter * 2);
    } finally {
      if (turn === this.turn) page.removeAttribute("aria-busy");
    }
  }

  /** @param {Record<string, string[]>} errors */
  refuse(errors) {
    this.bar.say(Object.values(errors).flat());
  }

  /** @param {boolean} isPaused */
  pause(isPaused) {
    this.live.pause(isPaused);
    if (!isPaused && this.waiting) this.draw(this.waiting);
  }

  showStanding() {
    const isStale = !["live", "again"].includes(feed.standing);
    for (const each of page.querySelectorAll("[data-panel]")) each.classList.toggle("is-stale", isStale);
    this.paint();
  }

  paint() {
    for (const chart of [this.balance, this.heat, this.bars]) chart.paint();
  }

  /**
   * @param {HTMLElement} element
   * @param {Tabular} chart
   */
  offerTable(element, chart) {
    const button = element.querySelector("[data-as-table]");
    if (!(button instanceof HTMLButtonElement)) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const isTable = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", String(isTable));
      button.textContent = isTable ? words.show_chart : words.show_table;
      element.classList.toggle("is-table", isTable);
      fillTable(element, chart);
    });
  }
}

/** @param {Event} event */
function detail(event) {
  return /** @type {CustomEvent} */ (event).detail;
}

/** @param {Entry[]} entries */
function transactionsIn(entries) {
  return entries.filter((entry) => entry.kind !== "account_opened").length;
}

/** @param {Shown} shown */
function datesOf({ choice, figures }) {
  const zoned = new Calendar(page.dataset.zone || "UTC");
  const query = new URLSearchParams();
  const last = figures.end_ms === null ? null : figures.end_ms - 1;
  if (figures.begin_ms !== null) query.set("from", choice.from ?? zoned.iso.format(figures.begin_ms));
  if (last !== null) query.set("to", choice.to ?? zoned.iso.format(last));
  return query.toString();
}

/**
 * @param {string} name
 * @param {string} text
 */
function write(name, text) {
  const element = page.querySelector(`[data-${name}]`);
  if (element && element.textContent !== text) element.textContent = text;
}

/**
 * @param {HTMLElement} element
 * @param {boolean} isEmpty
 */
function setEmpty(element, isEmpty) {
  element.classList.toggle("is-empty", isEmpty);
  element.querySelector("[data-empty]")?.toggleAttribute("hidden", !isEmpty);
}

/** @param {boolean} isFailed */
function setFailed(isFailed) {
  page.querySelector("[data-failed]")?.toggleAttribute("hidden", !isFailed);
}

/**
 * Writes a chart's data as a table, where the agent asked for it.
 * @param {HTMLElement} element
 * @param {Tabular} chart
 */
function fillTable(element, chart) {
  const place = element.querySelector("[data-table]");
  const isTable = element.classList.contains("is-table");
  if (!(place instanceof HTMLElement)) return;
  place.hidden = !isTable;
  if (!isTable) return;
  const { heads, rows, figures } = chart.table();
  const table = document.createElement("table");
  table.className = "sheet";
  const line = (/** @type {string[]} */ texts, /** @type {string} */ tag) => {
    const row = document.createElement("tr");
    row.append(...texts.map((text, column) => cell(tag, text, figures.includes(column))));
    return row;
  };
  const [head, body] = [table.createTHead(), table.createTBody()];
  head.append(line(heads, "th"));
  body.append(...rows.map((texts) => line(texts, "td")));
  const scrolled = place.scrollTop;
  place.replaceChildren(table);
  place.scrollTop = scrolled;
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

new Dashboard(/** @type {Shown} */ (read("dashboard-data")));
