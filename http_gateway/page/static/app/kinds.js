// Kinds of entries in a job's log: which are marked on the curve and how, and which are figures.

const FAILURES = new Set(["failure", "lost", "failed"]);
const RECOVERIES = new Set(["recovery", "going_on", "resumed", "taken_up"]);

export function toneOf(kind) {
  if (FAILURES.has(kind)) return "bad";
  if (RECOVERIES.has(kind)) return "good";
  return "plain";
}

export function isMarked(kind) {
  return FAILURES.has(kind) || RECOVERIES.has(kind);
}

export function kindText(kind) {
  return kind.replaceAll("_", " ");
}

// What every step, validation and epoch tells: it changes curves, but no list of jobs or devices.
const FIGURES = new Set(["step", "metric", "epoch"]);

export function isFigure(kind) {
  return FIGURES.has(kind);
}
