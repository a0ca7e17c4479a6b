// The list of panels that are not on the dashboard yet.

/** @param {import("./board-arrange.js").Arranging} arranging */
export function startAdding(arranging) {
  const dialog = /** @type {HTMLDialogElement} */ (document.querySelector("[data-add-dialog]"));
  document.querySelector("[data-add]")?.addEventListener("click", () => {
    writeList(dialog, arranging);
    dialog.showModal();
  });
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {import("./board-arrange.js").Arranging} arranging
 */
function writeList(dialog, arranging) {
  const there = new Set(arranging.layout.map(({ panel }) => panel));
  const names = Object.keys(arranging.data.titles).filter((name) => !there.has(name));
  dialog.querySelector("[data-add-none]")?.toggleAttribute("hidden", names.length > 0);
  dialog.querySelector("[data-add-list]")?.replaceChildren(
    ...names.map((name) => {
      const [line, button] = [document.createElement("li"), document.createElement("button")];
      button.type = "button";
      button.className = "add-list__panel";
      button.textContent = arranging.title(name);
      button.addEventListener("click", () => {
        dialog.close();
        arranging.add(name);
      });
      line.append(button);
      return line;
    }),
  );
}
