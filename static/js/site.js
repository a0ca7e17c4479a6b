// What every page does: theme, shortcuts, search, printing.

import { startKeyboard } from "./keyboard.js";
import { showWhatScriptsCan } from "./parts.js";
import { startSearch } from "./search.js";
import { startTheme } from "./theme.js";

startTheme();
startKeyboard();
startSearch();

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("[data-print]")) window.print();
});
showWhatScriptsCan(document);
