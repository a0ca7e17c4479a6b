// How long the session goes on: a warning before its end, and a page that shows nothing after it.
// Whoever types or points is there; what the page fetches by itself prolongs nothing.

import { fill } from "./format.js";

const WARNING_S = 60;
const AT_MOST_EVERY_MS = 60_000;
const LOOK_MS = 500;
const ASK_EVERY_MS = 3_000;

/** @typedef {{ agent: number | null, left_s: number, whole_s: number, opens: boolean }} State */

/** Watches over the session of the page, where there is one. */
export function startSession() {
  const dialog = document.querySelector("dialog#session");
  if (dialog instanceof HTMLDialogElement) new Session(dialog).start();
}

class Session {
  /** @param {HTMLDialogElement} dialog */
  constructor(dialog) {
    this.dialog = dialog;
    this.address = dialog.dataset.url ?? "";
    this.agent = Number(dialog.dataset.agent);
    this.endsAt = Date.now() + Number(dialog.dataset.leftS) * 1000;
    this.prolongedAt = Date.now();
    this.canGoOn = true;
    this.isAsking = false;
    this.askedAt = 0;
    // Said once, where nothing can be done about it.
    this.isTold = false;
    this.isOver = false;
    this.opens = true;
    this.texts = new Map([...dialog.querySelectorAll("[data-idle], [data-whole]")].map((each) => [each, each.textContent ?? ""]));
  }

  start() {
    setInterval(() => this.look(), LOOK_MS);
    for (const name of ["keydown", "pointerdown"]) {
      document.addEventListener(name, (event) => event.isTrusted && this.noteUse(), { capture: true, passive: true });
    }
    document.addEventListener("visibilitychange", () => document.hidden || this.ask("GET"));
    addEventListener("bankportal:signed-out", () => this.askWhetherItGoesOn());
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.goOn();
    });
    this.dialog.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.goOn();
    });
  }

  get leftS() {
    return (this.endsAt - Date.now()) / 1000;
  }

  noteUse() {
    const isDue = Date.now() - this.prolongedAt > AT_MOST_EVERY_MS;
    if (isDue && !this.dialog.open && !this.isOver) this.goOn();
  }

  look() {
    if (this.isOver) return;
    if (this.dialog.open) this.count();
    if (Date.now() - this.askedAt < ASK_EVERY_MS) return;
    if (this.leftS <= 0) this.askOrEnd();
    // Another window may have prolonged it since.
    else if (this.leftS <= WARNING_S && !this.dialog.open && !this.isTold) this.ask("GET");
  }

  goOn() {
    if (this.isOver) return;
    if (this.canGoOn) {
      this.prolongedAt = Date.now();
      this.ask("POST");
    } else {
      this.isTold = true;
      this.dialog.close();
    }
  }

  async askOrEnd() {
    if (!(await this.ask("GET"))) this.end();
  }

  /**
   * With another password, say, a session has another key, under which sockets have to come back.
   * One that owes something first, as a second factor for another role, would be turned away again and again.
   */
  async askWhetherItGoesOn() {
    if ((await this.ask("GET")) && this.opens && !this.isOver) dispatchEvent(new CustomEvent("bankportal:goes-on"));
  }

  /**
   * Asks the server how long the session goes on, prolonging it with a POST. Tells whether it knew.
   * @param {"GET" | "POST"} method
   */
  async ask(method) {
    if (this.isAsking || this.isOver) return true;
    this.isAsking = true;
    this.askedAt = Date.now();
    try {
      const form = this.dialog.querySelector("form");
      const body = method === "POST" && form ? new FormData(form) : undefined;
      const headers = { Accept: "application/json" };
      let response = await fetch(this.address, { method, body, headers });
      // The form is of before somebody else signed in.
      if (response.status === 403) response = await fetch(this.address, { headers });
      if (!response.ok && response.status !== 401) return false;
      this.take(await response.json());
      return true;
    } catch {
      return false;
    } finally {
      this.isAsking = false;
    }
  }

  /** @param {State} state */
  take(state) {
    this.endsAt = Date.now() + state.left_s * 1000;
    this.canGoOn = state.whole_s > WARNING_S;
    this.opens = state.opens;
    if (state.left_s <= 0 || state.agent !== this.agent) this.end();
    else if (state.left_s <= WARNING_S) this.warn();
    else if (this.dialog.open) this.dialog.close();
  }

  warn() {
    if (this.dialog.open || (this.isTold && !this.canGoOn)) return;
    for (const each of this.dialog.querySelectorAll("[data-idle]")) each.toggleAttribute("hidden", !this.canGoOn);
    for (const each of this.dialog.querySelectorAll("[data-whole]")) each.toggleAttribute("hidden", this.canGoOn);
    this.count();
    this.dialog.showModal();
  }

  count() {
    const seconds = Math.max(0, Math.ceil(this.leftS));
    for (const [each, text] of this.texts) each.textContent = fill(text, { seconds });
  }

  /** Takes away what was shown and typed: the next one at this screen may be somebody else. */
  end() {
    this.isOver = true;
    // Hidden, a reader view or the browser's tools would show it all the same.
    for (const each of [...document.body.children]) if (each !== this.dialog) each.remove();
    document.title = this.dialog.querySelector("h2 [data-after]")?.textContent ?? "";
    document.documentElement.classList.add("is-over");
    for (const each of this.dialog.querySelectorAll("[data-before]")) each.setAttribute("hidden", "");
    for (const each of this.dialog.querySelectorAll("[data-after]")) each.removeAttribute("hidden");
    const link = this.dialog.querySelector("a");
    const back = new URLSearchParams({ next: location.pathname + location.search });
    if (link) link.href = `${this.dialog.dataset.signIn}?${back}`;
    if (!this.dialog.open) this.dialog.showModal();
    link?.focus();
  }
}
