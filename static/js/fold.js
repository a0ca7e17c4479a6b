// Filters fold away on narrow screens, but for what is to be corrected in them.

export const ERRORS = "[data-error-of]";

/** @param {Element | null} element */
export function unfold(element) {
  for (let fold = element?.closest("details"); fold; fold = fold.parentElement?.closest("details")) fold.open = true;
}

export function foldOnNarrowScreens() {
  const fold = document.querySelector("[data-fold]");
  const narrow = matchMedia("(max-width: 44rem)");
  const set = () => {
    fold?.toggleAttribute("open", !narrow.matches);
    // What is to be corrected has to be seen.
    unfold(fold?.querySelector(`${ERRORS}:not([hidden])`) ?? null);
  };
  narrow.addEventListener("change", set);
  set();
}
