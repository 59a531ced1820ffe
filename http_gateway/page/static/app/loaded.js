import { useEffect, useRef, useState } from "./html.js";
import { call } from "./api.js";
import { listen } from "./live.js";
import { session } from "./session.js";

const REST_MS = 1_000;
const MOST_KEPT = 50;

// The last answers by path, newest last: a view shows at once what it showed before, though the
// gateway be slow or gone, and reads it again.
const kept = new Map();

session.listen(() => {
  if (!session.value?.signed_in) kept.clear();
});

function keep(path, data) {
  kept.delete(path);
  kept.set(path, data);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

function asKept(path) {
  return { data: kept.get(path), error: null };
}

// Runs at once, then at most once in `restMs`; a wish in between is done afterwards.
export function paced(run, restMs = REST_MS) {
  let isBusy = false;
  let isWanted = false;
  let hasEnded = false;
  let timer = null;
  async function go() {
    if (isBusy || timer !== null) {
      isWanted = true;
      return;
    }
    isBusy = true;
    isWanted = false;
    await run();
    isBusy = false;
    if (hasEnded) return;
    timer = setTimeout(() => {
      timer = null;
      if (isWanted) go();
    }, restMs);
  }
  function end() {
    hasEnded = true;
    clearTimeout(timer);
  }
  return { go, end };
}

// What GET answers at `path` (null: nothing yet), read again when an entry `isNews`.
export function useLoaded(path, isNews = () => false) {
  const [state, setState] = useState(asKept(path));
  const news = useRef(isNews);
  const again = useRef(() => {});
  news.current = isNews;
  useEffect(() => {
    setState(asKept(path));
    if (path === null) return undefined;
    const controller = new AbortController();
    const { go, end } = paced(() => read(path, controller.signal, setState));
    const stop = listen((entries) => {
      if (entries === null || entries.some((entry) => news.current(entry))) go();
    });
    again.current = go;
    go();
    return () => {
      stop();
      end();
      controller.abort();
    };
  }, [path]);
  return { ...state, reload: () => again.current() };
}

async function read(path, signal, setState) {
  try {
    const data = await call("GET", path, undefined, signal);
    keep(path, data);
    setState({ data, error: null });
  } catch (error) {
    if (!signal.aborted) setState((before) => ({ data: before.data, error }));
  }
}

// An entry of the job, as `useLoaded` wants it.
export function ofJob(jobId) {
  return (entry) => entry.job_id === jobId;
}
