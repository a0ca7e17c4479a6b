// A dashboard as something to choose, arrange and save. What it shows is dashboard.js's.

import { startAdding } from "./board-adding.js";
import { Arranging } from "./board-arrange.js";
import { startSaving } from "./board-saving.js";
import { parse } from "./format.js";
import { startPops } from "./pops.js";

startPops();
const board = document.querySelector("[data-board]");
if (board instanceof HTMLElement) {
  const data = parse(document.getElementById("board-data")?.textContent ?? "null");
  const arranging = new Arranging(board, data);
  startAdding(arranging);
  startSaving(arranging);
  arranging.resume();
}
