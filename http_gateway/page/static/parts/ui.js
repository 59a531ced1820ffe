// Small pieces that every view is made of.

import { html, useEffect, useRef, useState } from "../app/html.js";
import { session } from "../app/session.js";
import { useStore } from "../app/store.js";

const STATUS_TONES = {
  created: "plain",
  initialized: "plain",
  training: "live",
  recovering: "warning",
  completed: "good",
  stopped: "plain",
  failed: "bad",
  broken: "bad",
  free: "good",
  busy: "live",
  gone: "bad",
};

export function Status({ status }) {
  return html`<span class=${`chip ${STATUS_TONES[status] ?? "plain"}`}>${status}</span>`;
}

export function Card({ title, note, actions, children, wide = false }) {
  return html`<section class=${wide ? "card wide" : "card"}>
    ${
      title &&
      html`<header class="card-head">
      <h2>${title}</h2>
      ${note && html`<p class="note">${note}</p>`}
      ${actions && html`<div class="actions">${actions}</div>`}
    </header>`
    }
    ${children}
  </section>`;
}

export function Empty({ title, children }) {
  return html`<div class="empty">
    <p class="empty-title">${title}</p>
    <div>${children}</div>
  </div>`;
}

export function Loading({ what = "Loading" }) {
  return html`<p class="loading" role="status">${what} …</p>`;
}

// What may be wider than the screen; the keyboard scrolls it, too.
export function Scroll({ label, children }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}>${children}</div>`;
}

export function Problem({ error, retry }) {
  return html`<div class="callout bad" role="alert">
    <p>${error.message}</p>
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

// What a `useLoaded` has: loading, error, or `children` called with the data. Data that could not
// be read again stay in sight.
export function Loaded({ of, what, children }) {
  const { data, error, reload } = of;
  if (data === undefined) {
    return error ? html`<${Problem} error=${error} retry=${reload} />` : html`<${Loading} what=${what} />`;
  }
  return html`${error && html`<${Problem} error=${error} retry=${reload} />`}${children(data)}`;
}

export function Tile({ label, value, note }) {
  return html`<div class="tile">
    <dt>${label}</dt>
    <dd>${value}</dd>
    ${note && html`<dd class="note">${note}</dd>`}
  </div>`;
}

// Shares of a whole: [{name, share, tone}], beside each other.
export function ShareBar({ parts, label }) {
  const shown = parts.filter((part) => part.share > 0);
  const text = shown.map((part) => `${part.name} ${Math.round(part.share * 100)} %`).join(", ");
  return html`<div class="share-bar" role="img" aria-label=${`${label}: ${text}`}>
    ${shown.map(
      (part) => html`<span
        class=${`share ${part.tone}`}
        style=${{ flexGrow: part.share }}
        title=${`${part.name} ${Math.round(part.share * 100)} %`}
      ></span>`,
    )}
  </div>`;
}

export function Segmented({ name, options, value, onChange, label }) {
  return html`<fieldset class="segmented">
    <legend class="hidden">${label}</legend>
    ${options.map(
      ([key, text]) => html`<label>
        <input
          type="radio"
          name=${name}
          checked=${key === value}
          onChange=${() => onChange(key)}
        /><span>${text}</span>
      </label>`,
    )}
  </fieldset>`;
}

export function CopyLine({ text, label }) {
  const line = useRef(null);
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return undefined;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return html`<div class="copy-line">
    <code ref=${line} tabindex="0" aria-label=${label}>${text}</code>
    <button type="button" class="small" onClick=${async () => setCopied(await copied(line.current))}>
      ${isCopied ? "Copied" : "Copy"}
    </button>
  </div>`;
}

// Where the page came by plain HTTP from another host, browsers have no clipboard for it.
async function copied(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  }
  return document.execCommand("copy");
}

const TOKEN_HEADER = ' -H "Authorization: Bearer $TANDEM_API_TOKEN"';

export function curlOf(path, { method = "GET", body, needsToken } = {}) {
  const way = method === "GET" ? "" : ` -X ${method}`;
  const token = needsToken ? TOKEN_HEADER : "";
  const json =
    body === undefined ? "" : ` -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}`;
  return `curl${way} ${quoted(location.origin + path)}${token}${json}`;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// The calls that give what a view shows: [path] or [path, {method, body}].
export function Curls({ calls }) {
  const needsToken = useStore(session)?.needs_token;
  return html`<details class="curls">
    <summary>The same by curl</summary>
    ${calls.map(([path, options]) => {
      const text = curlOf(path, { ...options, needsToken });
      return html`<${CopyLine} key=${text} text=${text} label="command" />`;
    })}
  </details>`;
}

// A question before what can't be undone. `ask` is {title, text, action, run}, or null.
export function Question({ ask, onClose }) {
  const dialog = useRef(null);
  useEffect(() => {
    if (ask && !dialog.current.open) dialog.current.showModal();
    if (!ask && dialog.current.open) dialog.current.close();
  }, [ask]);
  async function answer(event) {
    event.preventDefault();
    const { run } = ask;
    onClose();
    await run();
  }
  return html`<dialog ref=${dialog} class="question" aria-labelledby="question-title" onClose=${onClose}>
    ${
      ask &&
      html`<form onSubmit=${answer}>
      <h2 id="question-title">${ask.title}</h2>
      <p>${ask.text}</p>
      <div class="actions">
        <button type="button" autofocus onClick=${onClose}>Cancel</button>
        <button type="submit" class=${ask.tone ?? "danger"}>${ask.action}</button>
      </div>
    </form>`
    }
  </dialog>`;
}

// Runs a call and keeps what it came to: {busy, error, run}. `busy` is its name while it runs.
export function useAction() {
  const [state, setState] = useState({ busy: null, error: null });
  async function run(name, work) {
    setState({ busy: name, error: null });
    try {
      const result = await work();
      setState({ busy: null, error: null });
      return result;
    } catch (error) {
      setState({ busy: null, error });
      return undefined;
    }
  }
  return { ...state, run, clear: () => setState({ busy: null, error: null }) };
}
