// The admin's pages are Django's; of ours they have the watch over the session alone.

import { startSession } from "./session.js";

startSession();
