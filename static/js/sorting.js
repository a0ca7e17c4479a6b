// Heads of columns that sort: what is pressed, and in which order the rows stand.

const SVG = "http://www.w3.org/2000/svg";

/** An order as the server names it: a column, and a minus where it falls. */
export class Sorting {
  /**
   * Makes buttons of the heads that can sort.
   * @param {HTMLElement} table
   * @param {(order: string) => void} onChange
   */
  constructor(table, onChange) {
    this.order = "-date";
    /** @type {Map<string, HTMLElement>} */
    this.heads = new Map();
    for (const head of table.querySelectorAll("[data-sorts]")) {
      if (!(head instanceof HTMLElement)) continue;
      const column = head.dataset.sorts ?? "";
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes, arrow());
      button.addEventListener("click", () => {
        this.show(this.next(column));
        onChange(this.order);
      });
      head.append(button);
      this.heads.set(column, head);
    }
    this.show(this.order);
  }

  /**
   * Gives the order that pressing a head leads to. Pressed again it turns round; all but
   * accounts begin with the greatest.
   * @param {string} column
   */
  next(column) {
    const isCurrent = this.order.replace("-", "") === column;
    const falls = isCurrent ? !this.order.startsWith("-") : column !== "account";
    return falls ? `-${column}` : column;
  }

  /** @param {string} order */
  show(order) {
    this.order = order;
    for (const [column, head] of this.heads) {
      const isCurrent = order.replace("-", "") === column;
      head.setAttribute("aria-sort", !isCurrent ? "none" : order.startsWith("-") ? "descending" : "ascending");
    }
  }
}

function arrow() {
  const icon = document.createElementNS(SVG, "svg");
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", "#i-sort");
  icon.append(use);
  return icon;
}

/**
 * Compares two rows as an order has them; equal ones stay as they are.
 * @param {string} order
 * @returns {(one: import("./feed.js").Entry, other: import("./feed.js").Entry) => number}
 */
export function comparison(order) {
  const turn = order.startsWith("-") ? -1 : 1;
  const column = order.replace("-", "");
  return (one, other) => {
    if (column === "account") return turn * (one.account < other.account ? -1 : Number(one.account > other.account));
    const [value, than] = [one, other].map((entry) => (column === "amount" ? magnitude(entry.amount_minor) : entry.balance_minor));
    // Without a balance a row comes last, whichever way.
    if (value === null || than === null) return Number(value === null) - Number(than === null);
    return turn * (value < than ? -1 : Number(value > than));
  };
}

/** @param {number | bigint} minor */
function magnitude(minor) {
  return minor < 0 ? -minor : minor;
}
