// Arranging a dashboard: every act makes a new arrangement, which can be undone, cancelled or saved.

import { BoardCanvas } from "./board-canvas.js";
import { heightened, movedTo, place, widened, without, written } from "./board-layout.js";
import { BoardPointer } from "./board-pointer.js";
import { addTools, handle, removeTools, writeSize } from "./board-tools.js";
import { fill } from "./format.js";

/**
 * @typedef {import("./board-layout.js").Layout} Layout
 * @typedef {import("./board-layout.js").Placed} Placed
 * @typedef {{ placed: Placed[], draft: Placed[] | null, added: string, widths: number[],
 *   titles: Record<string, string>, words: Record<string, string> }} BoardData
 */

const DRAFT = "arrange";
const ADDED = "added";

export class Arranging {
  /**
   * @param {HTMLElement} board
   * @param {BoardData} data
   */
  constructor(board, data) {
    this.canvas = new BoardCanvas(board);
    this.data = data;
    /** @type {Layout} */
    this.saved = data.placed;
    /** @type {Layout} */
    this.layout = data.draft ?? data.placed;
    /** @type {Layout[]} */
    this.past = [];
    this.isOn = this.isLeaving = false;
    this.pointer = new BoardPointer(this);
    this.bar = part("arrange-bar");
    this.opener = part("arrange");
    this.said = part("arrange-said");
    this.listen();
  }

  listen() {
    this.opener.hidden = false;
    this.opener.addEventListener("click", () => this.start());
    part("undo").addEventListener("click", () => this.undo());
    part("cancel").addEventListener("click", () => this.cancel());
    // What is about to be saved is not about to be lost.
    addEventListener("submit", ({ target }) => {
      if (target instanceof Element && target.matches("[data-board-form]")) this.isLeaving = true;
    });
    addEventListener("pageshow", () => (this.isLeaving = false));
    addEventListener("beforeunload", (event) => {
      if (this.isOn && !this.isLeaving && this.isChanged) event.preventDefault();
    });
  }

  get isChanged() {
    return written(this.layout) !== written(this.saved);
  }

  /** Goes on after a panel was added, which took a new page. */
  resume() {
    const { draft, added } = this.data;
    if (!draft) return;
    forgetDraft();
    if (place(draft, added) >= 0) this.past = [without(draft, added)];
    this.start(added);
    if (place(draft, added) >= 0) this.say(this.sentence("added", added));
  }

  start(panel = this.layout[0]?.panel ?? "") {
    this.setOn(true);
    for (const each of this.canvas.panels) {
      const name = each.dataset.panel ?? "";
      addTools(each, this.title(name), this.data.words, (act) => this.act(name, act));
    }
    this.show(this.layout);
    this.focus(panel);
    this.say(this.data.words.arranging);
  }

  stop() {
    for (const each of this.canvas.panels) removeTools(each);
    this.setOn(false);
    this.opener.focus();
  }

  /** @param {boolean} isOn */
  setOn(isOn) {
    this.isOn = isOn;
    this.bar.hidden = !isOn;
    part("board-acts").hidden = isOn;
    document.documentElement.classList.toggle("is-arranging", isOn);
  }

  /**
   * @param {string} panel
   * @param {import("./board-tools.js").Act} act
   */
  act(panel, act) {
    if (act === "handle") this.say(this.standing(panel));
    else if (act === "remove") this.remove(panel);
    else this.take(this.after(panel, act), panel);
  }

  /**
   * @param {string} panel
   * @param {string} act
   * @returns {Layout}
   */
  after(panel, act) {
    const { layout, data } = this;
    const at = place(layout, panel);
    if (act === "before" || act === "after") return movedTo(layout, panel, at + (act === "after" ? 1 : -1));
    if (act === "first" || act === "last") return movedTo(layout, panel, act === "last" ? layout.length : 0);
    if (act === "wider" || act === "narrower") return widened(layout, panel, act === "wider" ? 1 : -1, data.widths);
    return heightened(layout, panel, act === "taller" ? 1 : -1);
  }

  /**
   * Takes over a new arrangement, and says how ``panel`` stands in it.
   * @param {Layout} layout
   * @param {string} panel
   */
  take(layout, panel) {
    const standing = (/** @type {Layout} */ now) => this.standing(panel, now);
    if (layout === this.layout) {
      this.say(fill(this.data.words.at_limit, { standing: standing(layout) }));
      return;
    }
    this.past.push(this.layout);
    this.show(layout);
    this.canvas.panel(panel)?.scrollIntoView({ block: "nearest" });
    this.say(standing(layout));
  }

  /** @param {string} panel */
  remove(panel) {
    const at = place(this.layout, panel);
    this.past.push(this.layout);
    this.show(without(this.layout, panel));
    this.focus(this.layout[Math.min(at, this.layout.length - 1)]?.panel ?? "");
    this.say(this.sentence("removed", panel));
  }

  /**
   * Adds a panel behind the others: at once where the page has it, else by a new page.
   * @param {string} panel
   */
  add(panel) {
    const there = this.canvas.panel(panel);
    const width = Number(there?.dataset.width ?? 6);
    const height = /** @type {import("./board-layout.js").Height} */ (there?.dataset.height ?? "usual");
    const layout = [...this.layout, { panel, width, height }];
    if (!there) {
      this.leaveFor({ [DRAFT]: written(layout), [ADDED]: panel });
      return;
    }
    this.past.push(this.layout);
    this.show(layout);
    this.focus(panel);
    this.say(this.sentence("added", panel));
  }

  undo() {
    const before = this.past.pop();
    if (!before) return;
    this.show(before);
    this.say(this.data.words.undone);
  }

  cancel() {
    this.past = [];
    if (!this.canvas.hasAll(this.saved)) {
      this.leaveFor({});
      return;
    }
    this.show(this.saved);
    this.stop();
    this.say(this.data.words.cancelled);
  }

  /** @param {Layout} layout */
  show(layout) {
    this.layout = layout;
    this.canvas.show(layout);
    part("board-empty").hidden = layout.length > 0;
    for (const each of layout) {
      const panel = this.canvas.panel(each.panel);
      if (panel) writeSize(panel, this.canvas.isOneColumn ? "" : `${each.width}/12`);
    }
    part("undo").setAttribute("aria-disabled", String(!this.past.length));
  }

  /**
   * Says how a panel stands, as in "Balance: 2 of 6, 5 of 12 wide, usual in height".
   * @param {string} panel
   */
  standing(panel, layout = this.layout) {
    const at = place(layout, panel);
    const { words } = this.data;
    return fill(this.canvas.isOneColumn ? words.standing_narrow : words.standing, {
      title: this.title(panel),
      place: at + 1,
      count: layout.length,
      width: layout[at].width,
      height: words[layout[at].height],
    });
  }

  /**
   * @param {string} word
   * @param {string} panel
   */
  sentence(word, panel) {
    return fill(this.data.words[word], { title: this.title(panel) });
  }

  /** @param {string} panel */
  title(panel) {
    return this.data.titles[panel] ?? panel;
  }

  /**
   * Puts the focus on a panel's handle; without that panel, on what adds one.
   * @param {string} panel
   */
  focus(panel) {
    const element = this.canvas.panel(panel);
    (element ? handle(element) : part("add"))?.focus();
  }

  /** @param {string} text */
  say(text) {
    this.said.textContent = text;
  }

  /** @param {Record<string, string>} changes what the address says besides the filter */
  leaveFor(changes) {
    this.isLeaving = true;
    const query = new URLSearchParams(location.search);
    for (const name of [DRAFT, ADDED]) query.delete(name);
    for (const [name, value] of Object.entries(changes)) query.set(name, value);
    location.assign(`${location.pathname}?${query}`);
  }
}

/** Takes out of the address what only this page was told. */
function forgetDraft() {
  const query = new URLSearchParams(location.search);
  for (const name of [DRAFT, ADDED]) query.delete(name);
  history.replaceState(history.state, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
}

/**
 * @param {string} name
 * @returns {HTMLElement}
 */
function part(name) {
  return /** @type {HTMLElement} */ (document.querySelector(`[data-${name}]`));
}
