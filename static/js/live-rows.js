// Tables of transactions that change while they are read.

import { now } from "./clock.js";
import { counted, fill } from "./format.js";
import { Sorting, comparison } from "./sorting.js";

/** @typedef {import("./feed.js").Entry} Entry */

/** @type {Record<string, number>} */
const LENGTHS = { low: 5, usual: 12, tall: 20 };
const NEW_FOR_MS = 4_000;

/**
 * Tells whether somebody points at something in the element, or has the focus there. What they
 * are on must not move.
 * @param {HTMLElement} element
 */
function isInUse(element) {
  return element.matches(":hover") || element.contains(document.activeElement);
}

/**
 * Calls back when nobody is on the element any more.
 * @param {HTMLElement} element
 * @param {() => void} free
 */
function whenFree(element, free) {
  const look = () => setTimeout(() => isInUse(element) || free());
  element.addEventListener("pointerleave", look);
  element.addEventListener("focusout", look);
}

/** Rows that are replaced as a whole when they have changed and nobody is on them. */
export class Rows {
  /**
   * @param {HTMLElement} body
   * @param {(row: any) => Element} write
   * @param {(rows: any[]) => void} tell called with the rows that are shown from then on
   */
  constructor(body, write, tell = () => {}) {
    this.body = body;
    this.writeRow = write;
    this.tell = tell;
    this.shown = "";
    /** @type {object[] | null} */
    this.waiting = null;
    whenFree(body, () => this.waiting && this.write(this.waiting));
  }

  /** @param {object[]} rows */
  show(rows) {
    if (isInUse(this.body)) this.waiting = rows;
    else this.write(rows);
  }

  /** @param {object[]} rows */
  write(rows) {
    this.waiting = null;
    this.tell(rows);
    const now = JSON.stringify(rows, (_key, value) => (typeof value === "bigint" ? String(value) : value));
    if (now === this.shown) return;
    this.shown = now;
    this.body.replaceChildren(...rows.map((row) => this.writeRow(row)));
  }

  /** Writes the same rows anew the next time: a time without its day is one of today. */
  forget() {
    this.shown = "";
  }
}

/** The newest transactions, with a pause; never moved under somebody's pointer. */
export class LiveTable {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { words, writer }) {
    this.panel = panel;
    this.writer = writer;
    this.words = words;
    this.length = LENGTHS[panel.dataset.height ?? "usual"] ?? LENGTHS.usual;
    this.body = /** @type {HTMLElement} */ (panel.querySelector("tbody"));
    /** @type {Entry[]} the newest, the latest first */
    this.entries = [];
    /** @type {Entry[]} */
    this.waiting = [];
    this.waitingCount = 0;
    /** @type {Entry[] | null} what the server has told anew during a pause */
    this.held = null;
    this.isPaused = false;
    this.sorting = new Sorting(panel, () => this.write());
    const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (panel.querySelector(`[data-${name}]`));
    this.button = part("pause");
    this.newer = part("newer");
    this.newerCount = part("newer-count");
    this.heldCount = part("held");
    this.empty = part("empty");
    this.button.hidden = false;
    part("show-newer").addEventListener("click", () => this.showWaiting());
    whenFree(this.body, () => this.isPaused || this.showWaiting());
  }

  /**
   * Takes in entries, oldest first; ``number`` counts those among them and besides them.
   * @param {Entry[]} entries
   * @param {number} number
   */
  take(entries, number) {
    const transactions = entries.filter((entry) => entry.kind !== "account_opened");
    this.waiting = [...transactions.reverse(), ...this.waiting].slice(0, this.length);
    this.waitingCount += number;
    if (this.isPaused || isInUse(this.body)) this.tellWaiting();
    else this.showWaiting();
  }

  showWaiting() {
    const fresh = new Set(this.waiting.map((entry) => entry.transaction_id));
    this.entries = [...this.waiting, ...(this.held ?? this.entries)].slice(0, this.length);
    this.held = null;
    this.waiting = [];
    this.waitingCount = 0;
    this.write(fresh);
  }

  /**
   * Puts the server's rows in the place of all. What comes after them comes by ``take``.
   * @param {{ rows: Entry[] }} newest newest first
   */
  show({ rows }) {
    this.waiting = [];
    if (this.isPaused) {
      this.held = rows;
      const place = rows.findIndex((row) => row.transaction_id === this.entries[0]?.transaction_id);
      this.waitingCount = Math.max(this.waitingCount, place < 0 ? rows.length : place);
      this.tellWaiting();
      return;
    }
    this.entries = rows;
    this.waitingCount = 0;
    this.write();
  }

  /** Writes the times of the same rows anew. The rows stand: somebody may be on them. */
  forget() {
    const entries = new Map(this.entries.map((entry) => [entry.transaction_id, entry]));
    for (const row of this.body.children) {
      const entry = entries.get(/** @type {HTMLElement} */ (row).dataset.transaction ?? "");
      if (entry) this.writer.writeTime(row, entry);
    }
  }

  /**
   * Writes the rows in the order that is chosen. Those that stand already are kept as they are.
   * @param {Set<string>} fresh which of them are new
   */
  write(fresh = new Set()) {
    const { order } = this.sorting;
    const ordered = order === "-date" ? this.entries : order === "date" ? [...this.entries].reverse() : [...this.entries].sort(comparison(order));
    const standing = new Map([...this.body.children].map((row) => [/** @type {HTMLElement} */ (row).dataset.transaction, row]));
    const rows = ordered.map((entry) => standing.get(entry.transaction_id) ?? this.writer.row(entry, true));
    rows.forEach((row, place) => {
      if (this.body.children[place] !== row) this.body.insertBefore(row, this.body.children[place] ?? null);
      if (!fresh.has(ordered[place].transaction_id)) return;
      row.classList.add("is-new");
      setTimeout(() => row.classList.remove("is-new"), NEW_FOR_MS);
    });
    while (this.body.children.length > rows.length) this.body.lastElementChild?.remove();
    this.tellWaiting();
  }

  tellWaiting() {
    const text = this.waitingCount ? counted(this.words, "new", this.waitingCount) : "";
    this.newerCount.textContent = text;
    this.heldCount.textContent = text;
    this.heldCount.hidden = this.isPaused || !text;
    this.empty.hidden = this.body.children.length > 0;
  }

  /**
   * Stops the rows, or lets them go on.
   * @param {boolean} isPaused
   */
  pause(isPaused) {
    this.isPaused = isPaused;
    this.button.setAttribute("aria-pressed", String(isPaused));
    const word = this.button.querySelector("[data-pause-word]");
    if (word) word.textContent = isPaused ? this.words.resume : this.words.pause;
    this.button.querySelector("use")?.setAttribute("href", isPaused ? "#i-play" : "#i-pause");
    const since = this.newer.querySelector("[data-paused-since]");
    if (since) since.textContent = fill(this.words.paused_since, { time: this.writer.calendar.seconds(now()) });
    this.newer.hidden = !isPaused;
    if (isPaused) this.tellWaiting();
    else this.showWaiting();
  }
}

/** The transactions of the period, replaced as a whole when nobody is on them. */
export class PeriodTable {
  /**
   * @param {HTMLElement} panel
   * @param {import("./row-writer.js").Page} page
   */
  constructor(panel, { writer }) {
    this.panel = panel;
    this.writer = writer;
    const body = /** @type {HTMLElement} */ (panel.querySelector("tbody"));
    this.rows = new Rows(body, (row) => writer.row(row, false), (rows) => this.tell(rows));
    this.empty = /** @type {HTMLElement} */ (panel.querySelector("[data-empty]"));
    this.sorting = new Sorting(panel, (sort) => {
      panel.dispatchEvent(new CustomEvent("bankportal:ask", { detail: { sort } }));
    });
    this.count = 0;
    this.outcome = "posted";
  }

  /**
   * @param {{ rows: Entry[], count: number, is_of_rejected: boolean }} period rows newest first,
   *   and how many transactions the period has, of which these are the newest
   */
  show({ rows, count, is_of_rejected: isOfRejected }) {
    this.count = count;
    this.outcome = isOfRejected ? "rejected" : "posted";
    this.rows.show(rows);
  }

  /**
   * Shows the order that an address wants.
   * @param {{ sort?: string }} asked
   */
  restore({ sort = "-date" }) {
    this.sorting.show(sort);
  }

  /** Writes the same rows anew: whether a date has its year depends on the day. */
  forget() {
    this.rows.forget();
  }

  /** @param {Entry[]} rows */
  tell(rows) {
    const shown = rows.filter((entry) => entry.outcome === this.outcome).length;
    const foot = this.panel.querySelector("[data-period-count]");
    if (foot) foot.textContent = counted(this.writer.words, `shown_${this.outcome}`, this.count, { shown });
    this.empty.hidden = rows.length > 0;
  }
}
