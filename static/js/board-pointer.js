// Arranging by pointer: a panel is carried by its upper edge, and sized by its lower corner.

import { HEIGHTS, movedTo, nearest, place, resized, stepped } from "./board-layout.js";

/**
 * @typedef {import("./board-layout.js").Layout} Layout
 * @typedef {{ isOn: boolean, layout: Layout, canvas: import("./board-canvas.js").BoardCanvas,
 *   data: { widths: number[] }, show: (layout: Layout) => void, focus: (panel: string) => void,
 *   take: (layout: Layout, panel: string) => void }} Arranging
 * @typedef {{ index: number, target: HTMLElement, side: "before" | "after", isAcross: boolean }} Landing
 */

const FIRST_MOVE_PX = 4;
const STEP_OF_HEIGHT_PX = 96;
const EDGE_PX = 72;
const SCROLL_PX = 14;

export class BoardPointer {
  /** @param {Arranging} arranging */
  constructor(arranging) {
    this.arranging = arranging;
    this.board = arranging.canvas.element;
    this.board.addEventListener("pointerdown", (event) => this.down(event));
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (!this.arranging.isOn || event.button !== 0 || !(event.target instanceof Element)) return;
    const panel = /** @type {HTMLElement | null} */ (event.target.closest("[data-panel]"));
    if (!panel) return;
    if (event.target.closest(".corner")) this.size(event, panel);
    else if (event.target.closest(".tools") && !event.target.closest(".tools__buttons")) this.carry(event, panel);
  }

  /**
   * @param {PointerEvent} start
   * @param {HTMLElement} panel
   */
  carry(start, panel) {
    const name = panel.dataset.panel ?? "";
    const marker = document.createElement("div");
    marker.className = "marker";
    let [x, y, timer] = [start.clientX, start.clientY, 0];
    let isCarried = false;
    /** @type {Landing | null} */
    let landing = null;
    const look = () => {
      scrollAtEdge(y);
      landing = this.landing(panel, x, y);
      this.mark(marker, landing);
      timer = requestAnimationFrame(look);
    };
    follow(start, {
      move: (event) => {
        [x, y] = [event.clientX, event.clientY];
        if (isCarried || Math.hypot(x - start.clientX, y - start.clientY) < FIRST_MOVE_PX) return;
        isCarried = true;
        panel.classList.add("is-carried");
        this.board.append(marker);
        look();
      },
      end: (isDone) => {
        cancelAnimationFrame(timer);
        marker.remove();
        panel.classList.remove("is-carried");
        if (!isCarried || !isDone) return;
        landing = this.landing(panel, x, y);
        const { layout } = this.arranging;
        const moved = landing ? movedTo(layout, name, landing.index) : layout;
        if (moved !== layout) this.arranging.take(moved, name);
        this.arranging.focus(name);
      },
    });
  }

  /**
   * @param {PointerEvent} start
   * @param {HTMLElement} panel
   */
  size(start, panel) {
    const { arranging } = this;
    const name = panel.dataset.panel ?? "";
    const before = arranging.layout;
    const { width, height } = before[place(before, name)];
    const gap = parseFloat(getComputedStyle(this.board).columnGap) || 0;
    const column = (this.board.clientWidth + gap) / 12;
    const begin = panel.offsetWidth;
    let after = before;
    panel.classList.add("is-sized");
    follow(start, {
      move: (event) => {
        const pixels = begin + event.clientX - start.clientX;
        const steps = Math.round((event.clientY - start.clientY) / STEP_OF_HEIGHT_PX);
        after = resized(before, name, {
          width: arranging.canvas.isOneColumn ? width : nearest(arranging.data.widths, (pixels + gap) / column),
          height: stepped(HEIGHTS, height, steps),
        });
        arranging.show(after);
      },
      end: (isDone) => {
        panel.classList.remove("is-sized");
        arranging.show(before);
        if (isDone && after !== before) arranging.take(after, name);
        arranging.focus(name);
      },
    });
  }

  /**
   * Finds where a panel would land: beside the one that is nearest to the pointer.
   * @param {HTMLElement} carried
   * @param {number} x
   * @param {number} y
   * @returns {Landing | null}
   */
  landing(carried, x, y) {
    const others = this.arranging.canvas.shown.filter((each) => each !== carried);
    let best = null;
    for (const [index, target] of others.entries()) {
      const box = target.getBoundingClientRect();
      const distance = Math.hypot(beyond(x, box.left, box.right), beyond(y, box.top, box.bottom));
      if (!best || distance < best.distance) best = { distance, index, target, box };
    }
    if (!best) return null;
    const { box, target } = best;
    // What takes the whole width has others above and below, not beside it.
    const isAcross = box.width > 0.9 * this.board.clientWidth;
    const isAfter = isAcross ? y > box.top + box.height / 2 : x > box.left + box.width / 2;
    return { index: best.index + Number(isAfter), target, side: isAfter ? "after" : "before", isAcross };
  }

  /**
   * @param {HTMLElement} marker
   * @param {Landing | null} landing
   */
  mark(marker, landing) {
    marker.hidden = !landing;
    if (!landing) return;
    const { target, side, isAcross } = landing;
    const isAfter = side === "after";
    const left = target.offsetLeft + (isAcross ? 0 : isAfter ? target.offsetWidth + 6 : -9);
    const top = target.offsetTop + (isAcross ? (isAfter ? target.offsetHeight + 6 : -9) : 0);
    marker.style.translate = `${left}px ${top}px`;
    marker.style.width = isAcross ? `${target.offsetWidth}px` : "3px";
    marker.style.height = isAcross ? "3px" : `${target.offsetHeight}px`;
  }
}

/**
 * Follows one pointer until it is let go, or Escape takes back what it did.
 * @param {PointerEvent} start
 * @param {{ move: (event: PointerEvent) => void, end: (isDone: boolean) => void }} hooks
 */
function follow(start, { move, end }) {
  const over = new AbortController();
  const options = { signal: over.signal };
  const finish = (/** @type {boolean} */ isDone) => {
    over.abort();
    end(isDone);
  };
  const isSame = (/** @type {PointerEvent} */ event) => event.pointerId === start.pointerId;
  addEventListener("pointermove", (event) => isSame(event) && move(event), options);
  addEventListener("pointerup", (event) => isSame(event) && finish(true), options);
  addEventListener("pointercancel", (event) => isSame(event) && finish(false), options);
  addEventListener("keydown", (event) => event.key === "Escape" && finish(false), options);
  // Text is not selected meanwhile.
  addEventListener("selectstart", (event) => event.preventDefault(), options);
}

/**
 * @param {number} at
 * @param {number} from
 * @param {number} to
 */
function beyond(at, from, to) {
  return Math.max(0, from - at, at - to);
}

/** @param {number} y */
function scrollAtEdge(y) {
  if (y < EDGE_PX) scrollBy(0, -SCROLL_PX);
  else if (y > innerHeight - EDGE_PX) scrollBy(0, SCROLL_PX);
}
