// Results as one types: a combobox with a list (WAI-ARIA APG, "list autocomplete with manual
// selection"), laid over a form that finds the same without it. Enter alone sends the form.

const PAUSE_MS = 120;
const TOO_MANY_REQUESTS = 429;

/**
 * @typedef {{ address: string, name: string, note: string, figure: string }} Result
 * @typedef {{ results: Result[], said: string }} Answer
 */

/** Lets each search field of the page show results below itself. */
export function startSearch() {
  for (const [place, input] of document.querySelectorAll("[data-search]").entries()) {
    if (input instanceof HTMLInputElement) new Search(input, `search-${place}`);
  }
}

class Search {
  /**
   * @param {HTMLInputElement} input
   * @param {string} name
   */
  constructor(input, name) {
    this.input = input;
    this.name = name;
    this.timer = 0;
    this.active = -1;
    /** @type {Result[]} */
    this.results = [];
    /** @type {AbortController | null} */
    this.asking = null;
    this.list = this.listBelow();
    this.status = this.statusBeside();
    this.becomeCombobox();
    input.addEventListener("input", () => this.askSoon());
    input.addEventListener("keydown", (event) => this.onKey(event));
    input.addEventListener("blur", () => this.close());
  }

  becomeCombobox() {
    const attributes = {
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.list.id,
    };
    for (const [name, value] of Object.entries(attributes)) this.input.setAttribute(name, value);
  }

  listBelow() {
    const list = document.createElement("ul");
    list.id = `${this.name}-results`;
    list.className = "results";
    list.hidden = true;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", this.input.dataset.searchLabel ?? "");
    // The field keeps the focus, so that a press here does not close the list before the click.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => this.onClick(event));
    this.input.after(list);
    return list;
  }

  statusBeside() {
    const status = document.createElement("span");
    status.className = "visually-hidden";
    status.setAttribute("role", "status");
    this.list.after(status);
    return status;
  }

  askSoon() {
    clearTimeout(this.timer);
    // What was chosen was found by what was typed before.
    this.choose(-1);
    this.asking?.abort();
    if (!this.input.value.trim()) this.close();
    else this.timer = setTimeout(() => this.ask(), PAUSE_MS);
  }

  async ask() {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    const address = new URL(this.input.dataset.search ?? "", location.href);
    address.searchParams.set("account", this.input.value.trim());
    try {
      const response = await fetch(address, { signal: asking.signal });
      const isTooOften = response.status === TOO_MANY_REQUESTS;
      if ((!response.ok && !isTooOften) || response.redirected) {
        throw new Error(`It answered ${response.status}`);
      }
      const answer = /** @type {Answer} */ (await response.json());
      if (this.asking === asking && document.activeElement === this.input) {
        this.show(answer);
        this.status.className = isTooOften ? "results results--said" : "visually-hidden";
      }
    } catch {
      // Enter still finds it, or says what is wrong.
      if (this.asking === asking) this.close();
    }
  }

  /** @param {Answer} answer */
  show({ results, said }) {
    this.results = results;
    this.list.replaceChildren(...results.map((result, place) => this.option(result, place)));
    this.list.hidden = results.length === 0;
    this.input.setAttribute("aria-expanded", String(results.length > 0));
    this.status.textContent = said;
    this.choose(-1);
  }

  /**
   * @param {Result} result
   * @param {number} place
   */
  option(result, place) {
    const option = document.createElement("li");
    option.id = `${this.name}-result-${place}`;
    option.className = "results__one";
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    for (const part of /** @type {const} */ (["name", "note", "figure"])) {
      const text = document.createElement("span");
      text.className = `results__${part}`;
      text.textContent = result[part];
      option.append(text, " ");
    }
    return option;
  }

  /** @param {number} place -1 for none, so that Enter sends the form */
  choose(place) {
    this.active = place;
    for (const [each, option] of [...this.list.children].entries()) {
      option.setAttribute("aria-selected", String(each === place));
    }
    const option = this.list.children[place];
    if (option) {
      this.input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else this.input.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") this.onArrow(event);
    else if (event.key === "Enter" && this.active >= 0) {
      event.preventDefault();
      this.open(this.active);
    } else if (event.key === "Escape" && !this.list.hidden) {
      event.preventDefault();
      this.close();
    } else if (event.key === "Home" || event.key === "End") this.choose(-1);
  }

  /** @param {KeyboardEvent} event */
  onArrow(event) {
    if (!this.input.value.trim()) return;
    event.preventDefault();
    if (this.list.hidden) {
      this.ask();
      return;
    }
    // Round by way of the field itself, where nothing is chosen.
    const places = this.results.length + 1;
    const step = event.key === "ArrowDown" ? 1 : -1;
    this.choose(((this.active + 1 + step + places) % places) - 1);
  }

  /** @param {MouseEvent} event */
  onClick(event) {
    const option = event.target instanceof Element ? event.target.closest("[role=option]") : null;
    if (option) this.open([...this.list.children].indexOf(option));
  }

  /** @param {number} place */
  open(place) {
    const result = this.results[place];
    if (result) location.assign(result.address);
  }

  close() {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.asking = null;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.status.textContent = "";
    this.choose(-1);
  }
}
