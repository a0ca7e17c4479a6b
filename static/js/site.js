// What every page does: theme, shortcuts, printing.

import { startKeyboard } from "./keyboard.js";
import { showWhatScriptsCan } from "./parts.js";
import { startTheme } from "./theme.js";

startTheme();
startKeyboard();

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("[data-print]")) window.print();
});
showWhatScriptsCan(document);
