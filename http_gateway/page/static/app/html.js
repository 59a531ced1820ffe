// Components by Preact, written as templates by htm.

import htm from "../vendor/htm.js";
import { h, render } from "../vendor/preact.js";

export const html = htm.bind(h);
export { render };
export { useEffect, useId, useMemo, useRef, useState } from "../vendor/preact.hooks.js";
