// The live connection, one a page. It follows the ledger from a position, comes back by itself
// with the position it had reached, and so neither misses nor repeats an entry.
// What travels over it is described in streaming/frames.py.

import { Badge } from "./badge.js";
import { hearTime } from "./clock.js";
import { parse } from "./format.js";

/**
 * @typedef {{ transaction_id: string, account: string, holder: string, kind: string,
 *   outcome: string, reason: string, amount_minor: number | bigint,
 *   balance_minor: number | bigint | null, business_date: string, logged_at_ms: number,
 *   is_history: boolean }} Entry
 * @typedef {{ type: string, position?: string, entries?: Entry[], count?: number,
 *   complete?: boolean, figures?: object, reason?: string, delays?: object, now_ms?: number,
 *   turn?: number }} Frame
 */

const SILENCE_MS = 12_000;
const STALE_AFTER_MS = 10_000;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 8_000;
const FRAMES_A_RECEIPT = 8;
const REMEMBERED = 1_000;
const SIGNED_OUT = 4401;
const RIGHTS_CHANGED = 4403;

/**
 * Fires "entries", "figures", "unreadable", "heartbeat" and "reload" with the frame in ``detail``, and "standing".
 * Every page's own modules hear of entries by ``bankportal:entries`` on the window.
 */
class Feed extends EventTarget {
  constructor() {
    super();
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {string | null} */
    this.position = null;
    /** @type {{ filter: object, panels: object[] } | undefined} */
    this.wanted = undefined;
    /** @type {import("./badge.js").Standing} */
    this.standing = "again";
    /** @type {Set<string>} */
    this.seen = new Set();
    /** @type {Badge[]} */
    this.badges = [];
    this.heardAt = Date.now();
    this.openedAt = 0;
    this.received = this.told = 0;
    this.turn = 0;
    this.attempts = 0;
    this.timer = 0;
    this.isAnswered = false;
    this.isOver = false;
    this.isFirst = true;
  }

  /** Connects where the page has a badge, and stays connected. */
  start() {
    const elements = [...document.querySelectorAll("[data-live-badge]")];
    this.badges = elements.filter((each) => each instanceof HTMLElement).map((each) => new Badge(each));
    if (!this.badges.length) return;
    setInterval(() => this.watch(), 1000);
    window.addEventListener("online", () => this.hurry());
    window.addEventListener("pagehide", () => this.socket?.close());
    window.addEventListener("pageshow", (event) => event.persisted && this.hurry());
    addEventListener("bankportal:goes-on", () => this.comeBack());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    this.connect();
  }

  /**
   * Asks for what passes a filter: the figures of panels, and the entries after a position.
   * They are told of anew, since what is shown up to there has taken the place of what was.
   * @param {{ filter: object, panels: object[] }} wanted
   * @param {string} position
   */
  follow(wanted, position) {
    this.wanted = wanted;
    this.position = position;
    this.seen.clear();
    this.subscribe();
  }

  connect() {
    clearTimeout(this.timer);
    if (this.socket || this.isOver) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live/`);
    this.socket = socket;
    this.received = this.told = 0;
    this.openedAt = Date.now();
    socket.addEventListener("open", () => this.subscribe());
    socket.addEventListener("message", (event) => socket === this.socket && this.hear(event.data));
    socket.addEventListener("close", (event) => socket === this.socket && this.lose(event.code));
  }

  subscribe() {
    this.isAnswered = false;
    // With figures, rows begin where the page's own data ends, and nowhere else.
    if (this.wanted && this.position === null) return;
    this.turn += 1;
    this.send({ type: "subscribe", position: this.position, turn: this.turn, ...this.wanted });
  }

  /** @param {object} message */
  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** @param {string} text */
  hear(text) {
    const frame = /** @type {Frame} */ (parse(text));
    this.heardAt = Date.now();
    this.received += 1;
    if (frame.type === "heartbeat" || this.received - this.told >= FRAMES_A_RECEIPT) {
      this.told = this.received;
      this.send({ type: "received", count: this.received });
    }
    if (frame.type === "subscribed") this.begin(frame);
    else if (frame.type === "reload") this.readAnew(frame);
    // What comes before the answer belongs to what was asked before.
    else if (this.isAnswered) this.take(frame);
  }

  /** @param {Frame} frame */
  begin(frame) {
    // The answer to what was asked before: another one is on its way.
    if (frame.turn !== this.turn) return;
    const isFirst = this.position === null;
    this.isAnswered = true;
    this.attempts = 0;
    this.position = frame.position ?? null;
    this.stand("live");
    // A page without a position cannot know what came while it was on its way.
    if (isFirst) announce({ type: "entries", entries: [], count: 0, complete: false });
  }

  /** @param {Frame} frame */
  take(frame) {
    if (frame.type === "entries") {
      const fresh = (frame.entries ?? []).filter((entry) => this.isNew(entry));
      this.position = frame.position ?? this.position;
      this.tell("entries", { ...frame, entries: fresh });
      announce({ ...frame, entries: fresh });
    } else if (frame.type === "figures" || frame.type === "unreadable") {
      this.tell(frame.type, frame);
    } else if (frame.type === "heartbeat") {
      this.position = frame.position ?? this.position;
      if (frame.now_ms) hearTime(frame.now_ms);
      this.tell("heartbeat", frame);
    }
    this.stand("live");
    // For whoever measures how soon a page is live.
    if (this.isFirst) performance.mark("first-frame");
    this.isFirst = false;
  }

  /** @param {Frame} frame */
  readAnew(frame) {
    this.isAnswered = false;
    this.position = null;
    this.seen.clear();
    if (this.wanted) this.tell("reload", frame);
    else this.subscribe();
  }

  /** @param {Entry} entry */
  isNew(entry) {
    if (this.seen.has(entry.transaction_id)) return false;
    this.seen.add(entry.transaction_id);
    if (this.seen.size > REMEMBERED) this.seen.delete(this.seen.values().next().value ?? "");
    return true;
  }

  /** @param {number} code */
  lose(code) {
    this.socket = null;
    this.isAnswered = false;
    if (code === SIGNED_OUT || code === RIGHTS_CHANGED) {
      this.isOver = true;
      this.stand(code === SIGNED_OUT ? "out" : "rights");
      if (code === SIGNED_OUT) window.dispatchEvent(new CustomEvent("bankportal:signed-out"));
      return;
    }
    this.watch();
    this.comeBack();
  }

  comeBack() {
    this.isOver = false;
    const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 1.8 ** this.attempts);
    this.attempts += 1;
    // Spread out, so that all the browsers of a bank do not come back in one moment.
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), delay * (0.5 + Math.random()));
  }

  hurry() {
    if (!this.socket) this.connect();
  }

  /** Looks every second whether the server is still heard. */
  watch() {
    if (this.isOver) return;
    const silence = Date.now() - this.heardAt;
    if (this.socket && Date.now() - Math.max(this.heardAt, this.openedAt) > SILENCE_MS) {
      const socket = this.socket;
      this.lose(0);
      socket.close();
    }
    if (this.isAnswered) this.stand("live");
    else this.stand(silence > STALE_AFTER_MS ? "stale" : "again");
  }

  /** @param {import("./badge.js").Standing} standing */
  stand(standing) {
    for (const badge of this.badges) badge.show(standing, this.heardAt);
    if (standing === this.standing) return;
    this.standing = standing;
    this.tell("standing", standing);
  }

  /**
   * @param {string} name
   * @param {unknown} detail
   */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/**
 * Tells every module of the page. ``complete`` is false where there may be entries besides.
 * @param {Frame} frame
 */
function announce({ entries, count, complete }) {
  const detail = { entries, count, complete };
  window.dispatchEvent(new CustomEvent("bankportal:entries", { detail }));
}

export const feed = new Feed();
// Other modules of the page say first what they want to follow.
addEventListener("DOMContentLoaded", () => feed.start());
