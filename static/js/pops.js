// Small sheets that a <details> opens over the page: they work without a script, and with one they
// close by Escape and when something else is pressed or focused.

/** Lets the sheets of the page close by themselves. */
export function startPops() {
  const pops = /** @type {HTMLDetailsElement[]} */ ([...document.querySelectorAll("details[data-pop]")]);
  const closeOthers = (/** @type {Event} */ event) => {
    for (const pop of pops) if (event.target instanceof Node && !pop.contains(event.target)) pop.open = false;
  };
  document.addEventListener("pointerdown", closeOthers);
  document.addEventListener("focusin", closeOthers);
  for (const pop of pops) {
    pop.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !pop.open) return;
      pop.open = false;
      pop.querySelector("summary")?.focus();
    });
  }
}
