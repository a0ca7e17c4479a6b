// Turns a receipt from queued to posted or rejected by itself, and says so once.

import { freshPage, takeOver } from "./parts.js";

const FIRST_MS = 80;
const LONGEST_MS = 2_000;

/**
 * @typedef {{ state: string, stage: string, message: string }} Status
 * @typedef {{ entries?: { transaction_id: string, account?: string }[], complete?: boolean }} EntriesDetail
 */

/** Watches the receipt of the page, where it has one that may still change. */
export function startReceipt() {
  const receipt = document.querySelector("[data-receipt]");
  if (!(receipt instanceof HTMLElement)) return;
  const shown = document.querySelector("#receipt");
  if (shown instanceof HTMLElement) shown.focus({ preventScroll: true });
  if (mayChange(receipt)) new Watch(receipt).start();
}

/** @param {HTMLElement} receipt */
function mayChange(receipt) {
  return ["queued", "dead"].includes(receipt.dataset.receipt ?? "");
}

class Watch {
  /** @param {HTMLElement} receipt */
  constructor(receipt) {
    this.receipt = receipt;
    this.pause = FIRST_MS;
    this.timer = 0;
    this.isAsking = false;
  }

  start() {
    this.onEntries = (/** @type {Event} */ event) => {
      const detail = /** @type {CustomEvent<EntriesDetail>} */ (event).detail;
      const wanted = this.receipt.dataset.transaction;
      const isNamed = detail?.entries?.some((entry) => entry.transaction_id === wanted);
      if (isNamed || detail?.complete === false) this.ask();
    };
    window.addEventListener("bankportal:entries", this.onEntries);
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
    // The ledger is often done before the page is here.
    this.ask();
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), this.pause);
    this.pause = Math.min(this.pause * 1.5, LONGEST_MS);
  }

  async ask() {
    if (this.isAsking || !mayChange(this.receipt) || document.hidden) return;
    this.isAsking = true;
    try {
      const status = await this.status();
      if (status.stage !== this.receipt.dataset.stage) await this.turn(status);
    } catch {
      // The connection may be away for a moment; the next question follows anyway.
    } finally {
      this.isAsking = false;
    }
    // What was set aside may be tried again, and then it is named: nobody need ask for it.
    if (this.receipt.dataset.receipt === "queued") this.wait();
    else if (!mayChange(this.receipt)) this.stop();
  }

  /** @returns {Promise<Status>} */
  async status() {
    const response = await fetch(this.receipt.dataset.status ?? "", {
      headers: { Accept: "application/json" },
    });
    if (!response.ok) throw new Error(`The status answered ${response.status}`);
    return response.json();
  }

  /** @param {Status} status */
  async turn(status) {
    const fresh = await freshPage();
    if (!fresh) return;
    for (const part of ["receipt", "masthead", "entries"]) takeOver(fresh, part);
    bringBalance(fresh);
    const said = document.querySelector("[data-said]");
    if (said && status.state !== "queued") said.textContent = status.message;
  }

  stop() {
    clearTimeout(this.timer);
    if (this.onEntries) window.removeEventListener("bankportal:entries", this.onEntries);
  }
}

/**
 * Lets the form reckon with the balance of the fresh page, without touching what was typed.
 * @param {Document} fresh
 */
export function bringBalance(fresh) {
  const [slip, now] = [document.querySelector("[data-slip]"), fresh.querySelector("[data-slip]")];
  if (!(slip instanceof HTMLElement) || !(now instanceof HTMLElement)) return;
  // Another account's number may have been typed meanwhile.
  if (slip.dataset.account !== now.dataset.account) return;
  slip.dataset.balanceMinor = now.dataset.balanceMinor;
  slip.dataset.leastMinor = now.dataset.leastMinor;
  const [shown, figure] = [slip, now].map((each) => each.querySelector("[data-balance-shown]"));
  if (shown && figure) shown.textContent = figure.textContent;
  slip.dispatchEvent(new CustomEvent("bankportal:balance"));
}

startReceipt();
