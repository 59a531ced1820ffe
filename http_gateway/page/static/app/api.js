import { Store } from "./store.js";

const UNREACHABLE = "The gateway does not answer. If it was stopped, start it again: tandem serve";
const CUT_OFF =
  "The connection ended before the gateway had all of it. The gateway's own messages may say why.";
const PAGE_HEADER = { "X-Tandem-Page": "1" };

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
    answer = await fetch(path, { method, body, signal, headers: { ...PAGE_HEADER, ...headers } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, UNREACHABLE);
  }
  if (answer.ok) return answer;
  throw refusal(path, answer.status, await answer.text().catch(() => ""));
}

// What the call answers, as JSON. Raises ApiError.
export async function call(method, path, body, signal) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await request(method, path, { body: text, headers, signal });
  return answer.json();
}

// Sends a file as it is; `tell` gets the bytes that were sent so far, which fetch does not know.
export function upload(path, file, tell, signal) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", path);
    const headers = { ...PAGE_HEADER, "Content-Type": "application/octet-stream" };
    for (const [name, value] of Object.entries(headers)) sending.setRequestHeader(name, value);
    sending.upload.onprogress = ({ loaded }) => tell(loaded);
    sending.onload = () => {
      const { status, responseText } = sending;
      if (status >= 200 && status < 300) resolve(JSON.parse(responseText));
      else reject(refusal(path, status, responseText));
    };
    sending.onerror = () => reject(new ApiError(0, CUT_OFF));
    sending.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => sending.abort());
    sending.send(file);
  });
}

function refusal(path, status, text) {
  if (status === 401 && path !== "/session") unauthorized.value += 1;
  return new ApiError(status, errorText(status, text));
}

function errorText(status, text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return `The gateway answered ${status}`;
  }
}
