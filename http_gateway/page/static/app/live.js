// The page's one connection: what happens to all jobs, as it happens. It carries the news that
// something changed; what is shown is then read from the API. It ends while nobody sees the page.

import { request } from "./api.js";
import { EventParser } from "./event_parser.js";
import { session } from "./session.js";
import { Store } from "./store.js";

const BATCH_MS = 250;
const SILENCE_MS = 60_000; // the gateway says something more often than that
const HIDDEN_MS = 30_000;
const SHORTEST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;

// {state: "connecting" | "live" | "lost", text}
export const connection = new Store({ state: "connecting", text: "" });

const listeners = new Set();
let after = null;
let controller = new AbortController();
let wake = () => {};
let isSeen = true;

// `tell` gets the entries of a quarter of a second; null: anything may have changed meanwhile.
export function listen(tell) {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

export async function keepConnected() {
  watchVisibility();
  addEventListener("online", () => wake());
  session.listen(() => wake());
  let waitMs = SHORTEST_WAIT_MS;
  for (;;) {
    while (!isSeen || !session.value?.signed_in) await woken(LONGEST_WAIT_MS);
    const opened = await connectOnce();
    waitMs = opened ? SHORTEST_WAIT_MS : Math.min(2 * waitMs, LONGEST_WAIT_MS);
    await woken(waitMs);
  }
}

// Whether it was connected before it ended.
async function connectOnce() {
  controller = new AbortController();
  const { signal } = controller;
  let opened = false;
  try {
    const headers = { Accept: "text/event-stream" };
    const path = after === null ? "/api/events" : `/api/events?after=${after}`; // else from now on
    const answer = await request("GET", path, { headers, signal });
    opened = true;
    connection.value = { state: "live", text: "" };
    tellAll(null);
    await readAll(answer.body.getReader());
    throw new Error("The gateway has ended the connection.");
  } catch (error) {
    const text = signal.aborted ? "Nothing has come for a while." : error.message;
    if (isSeen) connection.value = { state: "lost", text };
  }
  return opened;
}

async function readAll(reader) {
  const decoder = new TextDecoder();
  const parser = new EventParser();
  for (;;) {
    const silence = setTimeout(() => controller.abort(), SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    for (const block of parser.push(decoder.decode(value, { stream: true }))) take(block);
  }
}

let waiting = [];

function take({ seq, entry }) {
  after = seq ?? after;
  if (entry === null) return;
  if (waiting.length === 0) setTimeout(hand, BATCH_MS);
  waiting.push(entry);
}

function hand() {
  const entries = waiting;
  waiting = [];
  tellAll(entries);
}

function tellAll(entries) {
  for (const tell of [...listeners]) tell(entries);
}

function watchVisibility() {
  let timer = null;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => {
        isSeen = false;
        controller.abort();
      }, HIDDEN_MS);
    } else if (!isSeen) {
      isSeen = true;
      wake();
    }
  });
}

function woken(timeoutMs) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
