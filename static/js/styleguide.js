// The style guide: brings each example of the badge into the state that it is an example of.

import { Badge } from "./badge.js";

for (const element of document.querySelectorAll("[data-live-badge-of]")) {
  if (!(element instanceof HTMLElement)) continue;
  const standing = /** @type {import("./badge.js").Standing} */ (element.dataset.liveBadgeOf);
  new Badge(element).show(standing, Date.now());
}
// What the examples have said of themselves is not how this page stands.
delete document.documentElement.dataset.live;
