// The filters of the audit log.

import { foldOnNarrowScreens } from "./fold.js";

foldOnNarrowScreens();
