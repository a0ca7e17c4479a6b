// What every page does: theme, shortcuts, search, printing, the session's end.

import { startKeyboard } from "./keyboard.js";
import { showWhatScriptsCan } from "./parts.js";
import { startSearch } from "./search.js";
import { startSession } from "./session.js";
import { startTheme } from "./theme.js";

startTheme();
startKeyboard();
startSearch();
startSession();

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("[data-print]")) window.print();
});
showWhatScriptsCan(document);
