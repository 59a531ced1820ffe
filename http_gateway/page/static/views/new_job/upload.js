// Files of the browser's own machine become a data set with a name, from which a job then learns.

import { html, useEffect, useId, useRef, useState } from "../../app/html.js";
import { upload } from "../../app/api.js";
import { bytes } from "../../app/format.js";
import { Field, Fields, Further, ofKind, split, textFor } from "../../parts/fields.js";
import { Problem, useAction } from "../../parts/ui.js";

const NOTHING = { file: null, name: "", format: "", fields: {}, replaces: false };
const MOST_CHARACTERS = 64; // of a name
// The gateway finds the format of all others in what they hold.
const FORMATS = { csv: "csv", tsv: "csv", txt: "text", md: "text" };

export function Upload({ formats, taken, maxBytes, onUploaded }) {
  const [wanted, setWanted] = useState(NOTHING);
  const [numSent, setNumSent] = useState(null);
  const { busy, error, run } = useAction();
  const sending = useRef(null);
  useEffect(() => () => sending.current?.abort(), []);
  const change = (changes) => setWanted((before) => ({ ...before, ...changes }));
  async function send(event) {
    event.preventDefault();
    sending.current = new AbortController();
    setNumSent(0);
    const answer = await run("sending", () => sent(wanted, maxBytes, setNumSent, sending.current.signal));
    setNumSent(null);
    if (answer === undefined) return;
    setWanted(NOTHING);
    event.target.reset(); // a script can't empty the field of a file otherwise
    const { dataset_config: config, understood } = answer;
    const added = { name: answer.name, format: config.format, num_train: understood.num_train };
    onUploaded({ ...added, is_uploaded: true }, understood);
  }
  return html`<details class="further">
    <summary>Upload files from this device</summary>
    <form class="stack upload" onSubmit=${send}>
      <fieldset class="stack" disabled=${busy !== null}>
        <${FileFields} wanted=${wanted} change=${change} formats=${formats} />
        <${FormatFields} wanted=${wanted} change=${change} formats=${formats} />
        ${
          taken.includes(wanted.name) &&
          html`<label class="inline">
          <input type="checkbox" checked=${wanted.replaces} onChange=${(event) => change({ replaces: event.target.checked })} />
          Put it in the place of the data set ${wanted.name}
        </label>`
        }
      </fieldset>
      <div class="actions">
        <button type="submit" disabled=${busy !== null || wanted.file === null}>Upload</button>
        ${busy && html`<button type="button" class="small" onClick=${() => sending.current.abort()}>Cancel</button>`}
      </div>
      ${busy && html`<${Progress} numSent=${numSent} size=${wanted.file.size} />`}
      ${error && !isAbort(error) && html`<${Problem} error=${error} />`}
    </form>
  </details>`;
}

function isAbort(error) {
  return error.name === "AbortError";
}

function FileFields({ wanted, change, formats }) {
  const id = useId();
  function take(file) {
    if (!file) return change({ file: null });
    const { name, format, fields } = guessed(file.name);
    const isKnown = formats.some((one) => one.name === format);
    return change({ file, name: wanted.name || name, format: isKnown ? format : "", fields });
  }
  const names = formats.map((one) => one.name);
  return html`<div class="fields">
    <div class="field">
      <label for=${id}>File</label>
      <input id=${id} aria-describedby=${`${id}-hint`} type="file" onChange=${(event) => take(event.target.files[0])} />
      <small id=${`${id}-hint`} class="note">a zip, tar or tar.gz of a folder, or a single file, such as a table</small>
    </div>
    <${Field}
      name="name"
      field=${{ label: "Name", says: "jobs choose the data by it: a-z, 0-9, _ and -", required: true }}
      text=${wanted.name}
      onInput=${(_, name) => change({ name, replaces: false })}
    />
    <${Field}
      name="format"
      field=${{ label: "Format", says: "choose one to say more, such as a table's target", default: "found in the files", choices: names }}
      text=${wanted.format}
      onInput=${(_, format) => change({ format, fields: {} })}
    />
  </div>`;
}

// What else the format needs to know, but for where its files lie.
function FormatFields({ wanted, change, formats }) {
  const { path, ...fields } = formats.find((one) => one.name === wanted.format)?.fields ?? {};
  const shown = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, ofKind(field)]));
  const [first, further] = split(shown, (_, field) => field.required);
  const set = (texts) => change({ fields: texts });
  return html`
    ${Object.keys(first).length > 0 && html`<${Fields} fields=${first} texts=${wanted.fields} onChange=${set} />`}
    <${Further} fields=${further} texts=${wanted.fields} onChange=${set} />
  `;
}

function Progress({ numSent, size }) {
  const isSent = numSent >= size;
  return html`<div class="stack">
    <progress max=${size} value=${numSent} aria-label="Share of the file that is sent"></progress>
    <p class="loading" role="status">
      ${isSent ? "Sent. The gateway unpacks it and looks at it …" : `${bytes(numSent)} of ${bytes(size)} sent …`}
    </p>
  </div>`;
}

// The gateway's answer. Raises what went wrong.
function sent({ file, name, format, fields, replaces }, maxBytes, tell, signal) {
  if (file.size > maxBytes) {
    throw new Error(
      `The file has ${bytes(file.size)}, but an upload may have at most ${bytes(maxBytes)}: upload less, or set max_upload_bytes on the gateway's machine`,
    );
  }
  const query = new URLSearchParams(format ? { format } : {});
  for (const [own, text] of Object.entries(fields)) {
    if (text.trim() !== "") query.append("set", `${own}=${text}`);
  }
  if (replaces) query.append("replace", "true");
  return upload(`/api/datasets/${encodeURIComponent(name)}?${query}`, file, tell, signal);
}

// A name, a format and its fields, from how a file is called.
export function guessed(fileName) {
  const [, stem, ending] = /^(.*?)(?:\.tar)?(?:\.([^.]*))?$/.exec(fileName.toLowerCase());
  const name = stem.replace(/[^a-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "");
  return {
    name: name.slice(0, MOST_CHARACTERS),
    format: FORMATS[ending] ?? "",
    fields: ending === "tsv" ? { delimiter: textFor("\t") } : {},
  };
}
