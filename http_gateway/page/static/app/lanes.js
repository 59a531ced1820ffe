// A trace as lanes: Chrome's trace events in, one lane a device out.

const KINDS = ["forward", "backward", "update", "load", "snapshot", "validation", "send", "receive", "wait"];
const MESSAGES = new Set(["send", "receive"]);

// What a slice is drawn as; null for one that only spans others, such as a whole step.
export function kindOf(name) {
  const kind = KINDS.find((one) => name.startsWith(one)) ?? null;
  return MESSAGES.has(kind) ? "wire" : kind;
}

// {lanes: [{name, slices: [{begin, end, name, kind, args}]}], length}, times in µs from the first.
export function lanesOf(trace) {
  const events = trace.traceEvents ?? [];
  const slices = events.filter((event) => event.ph === "X" && kindOf(event.name) !== null);
  if (slices.length === 0) return { lanes: [], length: 0 };
  const begin = Math.min(...slices.map((event) => event.ts));
  const end = Math.max(...slices.map((event) => event.ts + event.dur));
  const lanes = new Map();
  for (const event of slices) {
    const key = `${event.pid} ${event.tid}`;
    if (!lanes.has(key)) lanes.set(key, { name: nameOf(events, event), slices: [] });
    lanes.get(key).slices.push({
      begin: event.ts - begin,
      end: event.ts + event.dur - begin,
      name: event.name,
      kind: kindOf(event.name),
      args: event.args ?? {},
    });
  }
  return { lanes: [...lanes.values()], length: end - begin };
}

function nameOf(events, { pid, tid }) {
  const isName = (event) => event.ph === "M" && event.name === "thread_name";
  const named = events.find((event) => isName(event) && event.pid === pid && event.tid === tid);
  return named?.args.name ?? `lane ${tid}`;
}
