// What a job's status means for what can be done with it.

const ACTIVE = new Set(["training", "recovering"]);

export function isActive({ status }) {
  return ACTIVE.has(status);
}
