// A job's curves: points as the gateway thins them, with what has come since.

import { useEffect, useState } from "./html.js";
import { call } from "./api.js";
import { isFigure } from "./kinds.js";
import { listen } from "./live.js";
import { paced } from "./loaded.js";

const MAX_POINTS = 1_000;
const BEGIN_ANEW = new Set(["rolled_back", "status"]); // what was drawn may not be so any more

// Both are lists of {name, steps, at, values}; what is new stands behind what is known.
export function joined(known, added) {
  const all = new Map(known.map((one) => [one.name, one]));
  for (const one of added) {
    const before = all.get(one.name);
    if (before === undefined) {
      all.set(one.name, one);
      continue;
    }
    const last = before.steps.at(-1) ?? 0;
    const first = one.steps.findIndex((step) => step > last);
    if (first < 0) continue;
    all.set(one.name, {
      name: one.name,
      steps: [...before.steps, ...one.steps.slice(first)],
      at: [...before.at, ...one.at.slice(first)],
      values: [...before.values, ...one.values.slice(first)],
    });
  }
  return [...all.values()];
}

// Exponential moving average, its beginning corrected as Adam does it; 0 <= weight < 1.
export function smoothed(values, weight) {
  let mean = 0;
  let share = 1;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return null;
    mean = weight * mean + (1 - weight) * value;
    share *= weight;
    return mean / (1 - share);
  });
}

// The last step at or before a time, unix seconds; 0 before the first.
export function stepAt(series, at) {
  let low = 0;
  let high = series.at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (series.at[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : series.steps[low - 1];
}

// {series, error}; series is undefined before the first answer. `names` is a text such as "loss".
export function useSeries(jobId, { names = "", maxPoints = MAX_POINTS } = {}) {
  const [state, setState] = useState({ series: undefined, error: null });
  useEffect(() => {
    const curves = new Curves(jobId, names, maxPoints, setState);
    return () => curves.end();
  }, [jobId, names, maxPoints]);
  return state;
}

class Curves {
  #series = [];
  #lastSeq = 0;
  #isStale = true; // all is to be read, not only what is new
  #controller = new AbortController();

  constructor(jobId, names, maxPoints, tell) {
    this.path = `/api/jobs/${encodeURIComponent(jobId)}/metrics`;
    this.query = { ...(names ? { names } : {}), max_points: maxPoints };
    this.maxPoints = maxPoints;
    this.tell = tell;
    this.pace = paced(() => this.#read());
    this.stop = listen((entries) => this.#hear(jobId, entries));
    this.pace.go();
  }

  end() {
    this.stop();
    this.pace.end();
    this.#controller.abort();
  }

  #hear(jobId, entries) {
    const kinds = entries?.filter((entry) => entry.job_id === jobId).map((entry) => entry.kind);
    if (!kinds || kinds.some((kind) => BEGIN_ANEW.has(kind))) this.#isStale = true;
    if (this.#isStale || kinds.some(isFigure)) this.pace.go();
  }

  async #read() {
    const isMore = !this.#isStale;
    this.#isStale = false;
    const query = isMore ? { ...this.query, after: this.#lastSeq } : this.query;
    try {
      const path = `${this.path}?${new URLSearchParams(query)}`;
      const answer = await call("GET", path, undefined, this.#controller.signal);
      this.#series = isMore ? joined(this.#series, answer.series) : answer.series;
      this.#lastSeq = answer.last_seq;
      const longest = Math.max(0, ...this.#series.map((one) => one.steps.length));
      if (longest > 3 * this.maxPoints) this.#isStale = true; // thinned again the next time
      this.tell({ series: this.#series, error: null });
    } catch (error) {
      this.#isStale = true;
      if (!this.#controller.signal.aborted) this.tell({ series: this.#series, error });
    }
  }
}
