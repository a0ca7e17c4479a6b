// The dashboard: shows what the server computed, and what the feed brings, in place.

import { onTheme } from "./charts.js";
import { hearTime } from "./clock.js";
import { feed } from "./feed.js";
import { FilterBar, chosenIn } from "./filter-bar.js";
import { Calendar, parse } from "./format.js";
import { LiveTable } from "./live-rows.js";
import { panelsOf } from "./panels.js";
import { RowWriter } from "./row-writer.js";

/**
 * @typedef {import("./feed.js").Entry} Entry
 * @typedef {Record<string, object>} Figures what each panel shows, by its name
 * @typedef {{ position: string, day: string, now_ms: number, filter: import("./filter-bar.js").Filter, query: string,
 *   period: string, unknown: string[], panels: Asked[], figures: Figures }} Shown
 * @typedef {{ name: string, height?: string, by?: string, page?: number,
 *   find?: string, sort?: string }} Asked
 */

const LEAST_GAP_MS = 250;
/** @type {Record<string, string | number>} */
const USUAL = { by: "amount", page: 0, find: "", sort: "-date" };
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15_000;
// Its rows come one by one.
const NOT_FOLLOWED = "live";

const page = /** @type {HTMLElement} */ (document.querySelector("[data-dashboard]"));

/** @param {string} id */
function read(id) {
  return parse(document.getElementById(id)?.textContent ?? "null");
}

class Dashboard {
  /** @param {Shown} shown */
  constructor(shown) {
    const words = /** @type {Record<string, string>} */ (read("dashboard-words"));
    const calendar = new Calendar(page.dataset.zone || "UTC", shown.day);
    this.calendar = calendar;
    const writer = new RowWriter(page, words, calendar);
    this.panels = panelsOf(page, { words, calendar, writer });
    const live = this.panels.get("live")?.drawn;
    this.live = live instanceof LiveTable ? live : null;
    const form = /** @type {HTMLFormElement} */ (page.querySelector("[data-filter]"));
    this.bar = new FilterBar(form, (query) => this.choose(query));
    this.query = shown.query;
    /** @type {string} what the server calls today by now; what is shown is of the calendar's day */
    this.day = shown.day;
    /** @type {Asked[]} */
    this.asked = shown.panels;
    /** @type {Figures} */
    this.waiting = {};
    this.isUnreadable = this.isLoadFailed = this.isRestoring = false;
    this.turn = this.drawnAt = this.timer = this.retry = 0;
    this.retryAfter = FIRST_RETRY_MS;
    this.listen();
    this.takeOver(shown, chosenIn(document).errors);
  }

  listen() {
    feed.addEventListener("entries", (event) => this.takeEntries(detail(event)));
    feed.addEventListener("figures", (event) => this.takeFigures(detail(event).figures));
    feed.addEventListener("unreadable", () => this.setUnreadable(true));
    feed.addEventListener("reload", () => this.load());
    feed.addEventListener("heartbeat", (event) => this.followDay(detail(event).day));
    feed.addEventListener("standing", () => this.showStanding());
    this.live?.button.addEventListener("click", () => this.pause(!this.live?.isPaused));
    page.querySelector("[data-retry]")?.addEventListener("click", () => this.load());
    addEventListener("popstate", () => this.goBack());
    onTheme(() => this.paint());
    for (const panel of this.panels.values()) {
      panel.element.addEventListener("bankportal:ask", (event) => this.ask(panel.name, detail(event)));
    }
  }

  /**
   * Shows the server's figures for a filter, and follows the ledger from there.
   * @param {Shown} shown
   * @param {import("./filter-bar.js").Errors} errors
   * @param {string} asker the panel whose options were changed, which moves during a pause too
   */
  takeOver(shown, errors = {}, asker = "") {
    this.bar.settle(shown.filter, shown.unknown, errors);
    const period = page.querySelector("[data-period]");
    if (period) period.textContent = shown.period;
    for (const link of page.querySelectorAll("[data-of-filter]")) {
      if (link instanceof HTMLAnchorElement) link.search = shown.query;
    }
    for (const link of page.querySelectorAll("[data-of-rejected]")) {
      const query = new URLSearchParams(shown.query);
      query.set("outcome", "rejected");
      if (link instanceof HTMLAnchorElement) link.search = String(query);
    }
    // A page whose filter was refused shows the usual one, which its address does not say.
    this.query = Object.keys(errors).length ? "" : shown.query;
    hearTime(shown.now_ms);
    const isAnotherDay = this.calendar.serverDay !== shown.day;
    this.calendar.serverDay = this.day = shown.day;
    if (isAnotherDay) this.forgetTimes();
    this.asked = shown.panels;
    for (const each of shown.panels) this.panels.get(each.name)?.drawn.restore?.(each);
    if (this.live?.isPaused) this.hold(shown.figures, asker);
    else this.draw(shown.figures);
    const panels = shown.panels.filter((each) => each.name !== NOT_FOLLOWED);
    feed.follow({ filter: shown.filter, panels }, shown.position);
  }

  /**
   * Keeps figures until the pause is over, but for those that the agent has just asked for.
   * @param {Figures} figures
   * @param {string} asker
   */
  hold({ [NOT_FOLLOWED]: rows, ...figures }, asker) {
    if (rows) this.panels.get(NOT_FOLLOWED)?.show(rows);
    const { [asker]: own, ...others } = figures;
    if (own) this.panels.get(asker)?.show(own);
    this.waiting = others;
  }

  forgetTimes() {
    for (const { drawn } of this.panels.values()) drawn.forget?.();
  }

  /** @param {{ entries: Entry[], count: number, complete: boolean }} news */
  takeEntries(news) {
    this.live?.take(news.entries, news.complete ? transactionsIn(news.entries) : news.count);
  }

  /** @param {Figures} figures */
  takeFigures(figures) {
    if (this.isUnreadable) this.setUnreadable(false);
    Object.assign(this.waiting, figures);
    clearTimeout(this.timer);
    if (this.live?.isPaused) return;
    const wait = Math.max(0, this.drawnAt + LEAST_GAP_MS - performance.now());
    this.timer = setTimeout(() => this.draw(this.waiting), wait);
  }

  /**
   * Reads all anew once the day is another one: with it the period is, and its name.
   * @param {string} day
   */
  followDay(day) {
    this.day = day;
    if (this.calendar.serverDay !== day && !this.live?.isPaused) this.load();
  }

  /** @param {boolean} isUnreadable */
  setUnreadable(isUnreadable) {
    this.isUnreadable = isUnreadable;
    this.showFailure();
  }

  showFailure() {
    const isAny = this.isUnreadable || this.isLoadFailed;
    page.querySelector("[data-failed]")?.toggleAttribute("hidden", !isAny);
  }

  /** @param {Figures} figures */
  draw(figures) {
    this.waiting = {};
    this.drawnAt = performance.now();
    for (const [name, each] of Object.entries(figures)) this.panels.get(name)?.show(each);
  }

  /** @param {string} query */
  choose(query) {
    if (query === this.query) return;
    this.query = query;
    // Another filter begins with its own first page.
    this.asked = this.asked.map((each) => ({ ...each, page: 0 }));
    this.pause(false);
    history.pushState(null, "", `?${query}${this.options()}`);
    this.load({ restore: false });
  }

  goBack() {
    this.pause(false);
    this.load({ restore: true });
  }

  /**
   * Lets a panel show other accounts, or in another order.
   * @param {string} name
   * @param {Partial<Asked>} options
   */
  ask(name, options) {
    this.asked = this.asked.map((each) => (each.name === name ? { ...each, ...options } : each));
    history.replaceState(null, "", `?${this.query}${this.options()}`);
    this.load({ asker: name });
  }

  /** What the address says of single panels. */
  options() {
    const said = new URLSearchParams();
    for (const { name, ...options } of this.asked) {
      for (const [option, usual] of Object.entries(USUAL)) {
        const value = /** @type {Record<string, any>} */ (options)[option] ?? usual;
        if (value !== usual) said.set(`${name}_${option}`, String(value));
      }
    }
    return said.size ? `&${said}` : "";
  }

  /**
   * Reads the panels' figures anew. While they cannot be had, the old ones stay, and they are
   * asked for again; so are those of an older address that somebody has gone back to.
   */
  async load({ restore = this.isRestoring, asker = "" } = {}) {
    const turn = ++this.turn;
    this.isRestoring = restore;
    clearTimeout(this.retry);
    page.setAttribute("aria-busy", "true");
    try {
      const wanted = restore ? location.search.slice(1) : `${this.query}${this.options()}`;
      const heights = this.asked.map((each) => `&${each.name}_height=${each.height ?? "usual"}`).join("");
      const panels = [...this.panels.keys()].join(",");
      const address = `${page.dataset.figuresUrl}?${wanted}&panels=${panels}${heights}`;
      const response = await fetch(address, { headers: { Accept: "application/json" } });
      if (response.status === 400) return this.refuse((await response.json()).errors, turn, restore);
      if (!response.ok || response.redirected) throw new Error(`The figures answered ${response.status}`);
      const shown = /** @type {Shown} */ (parse(await response.text()));
      if (turn !== this.turn) return;
      if (restore) this.bar.restore(shown.filter);
      this.isRestoring = false;
      this.takeOver(shown, {}, asker);
      this.retryAfter = FIRST_RETRY_MS;
      this.isLoadFailed = this.isUnreadable = false;
      this.showFailure();
    } catch {
      if (turn !== this.turn) return;
      this.isLoadFailed = true;
      this.showFailure();
      this.retry = setTimeout(() => this.load({ asker }), this.retryAfter);
      this.retryAfter = Math.min(LONGEST_RETRY_MS, this.retryAfter * 2);
    } finally {
      if (turn === this.turn) page.removeAttribute("aria-busy");
    }
  }

  /**
   * @param {import("./filter-bar.js").Errors} errors
   * @param {number} turn the one that was refused
   * @param {boolean} restore
   */
  refuse(errors, turn, restore) {
    if (turn !== this.turn) return;
    this.bar.refuse(errors, { restore });
    if (restore) this.query = this.bar.query();
  }

  /** @param {boolean} isPaused */
  pause(isPaused) {
    if (this.live?.isPaused === isPaused) return;
    this.live?.pause(isPaused);
    if (isPaused) return;
    this.draw(this.waiting);
    this.followDay(this.day);
  }

  showStanding() {
    const isStale = !["live", "again"].includes(feed.standing);
    for (const { element } of this.panels.values()) element.classList.toggle("is-stale", isStale);
    this.paint();
  }

  paint() {
    for (const panel of this.panels.values()) panel.paint();
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

new Dashboard(/** @type {Shown} */ (read("dashboard-data")));
