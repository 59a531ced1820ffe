import { Store } from "./store.js";

const UNREACHABLE = "The gateway does not answer. If it was stopped, start it again: tandem serve";

// A refusal of the gateway, in its own words; status 0 is none at all.
export class ApiError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

// Counts the answers that asked for the token.
export const unauthorized = new Store(0);

export async function request(method, path, { body, headers = {}, signal } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      body,
      signal,
      headers: { "X-Tandem-Page": "1", ...headers },
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, UNREACHABLE);
  }
  if (answer.ok) return answer;
  if (answer.status === 401 && path !== "/session") unauthorized.value += 1;
  throw new ApiError(answer.status, await errorText(answer));
}

// What the call answers, as JSON. Raises ApiError.
export async function call(method, path, body, signal) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await request(method, path, { body: text, headers, signal });
  return answer.json();
}

async function errorText(answer) {
  try {
    return (await answer.json()).error;
  } catch {
    return `The gateway answered ${answer.status} ${answer.statusText}`;
  }
}
