import { html, useMemo, useState } from "../../app/html.js";
import { call } from "../../app/api.js";
import { counted } from "../../app/format.js";
import { EXAMPLES, datasetConfig, jobRequest, withSuggestion, withUploads } from "../../app/draft.js";
import { useLoaded } from "../../app/loaded.js";
import { linkTo, route, setQuery } from "../../app/router.js";
import { useStore } from "../../app/store.js";
import { Fields, ofKind, ofSchema } from "../../parts/fields.js";
import { Card, Curls, Loading, Problem, Segmented, useAction } from "../../parts/ui.js";
import { NewJobStart } from "./start.js";

const USUAL_TRAIN = ["epochs", "learning_rate", "optimizer", "max_steps"];
const WAYS = [
  ["layer_sizes", "Layer sizes"],
  ["architecture", "Architecture"],
  ["layers", "Layers"],
];
const BATCHES = {
  batch_size: { says: "samples a step", default: 256 },
  val_batch_size: { says: "samples of a validation at a time", default: 1000 },
  shuffle: { says: "true or false", default: true },
};

export function NewJob() {
  const { query } = useStore(route);
  const catalogue = {
    sources: useLoaded("/api/sources"),
    datasets: useLoaded("/api/datasets"),
    architectures: useLoaded("/api/architectures"),
    document: useLoaded("/openapi.json"),
    devices: useLoaded("/api/devices", (entry) => entry.kind === "status"),
  };
  const missing = Object.values(catalogue).find((one) => one.data === undefined);
  if (missing?.error) return html`<${Problem} error=${missing.error} retry=${missing.reload} />`;
  if (missing) return html`<${Loading} what="Loading what a job can be made of" />`;
  const chosen = EXAMPLES.find(({ key }) => key === query.get("example")) ?? EXAMPLES[0];
  return html`<${Form}
    key=${chosen.key}
    first=${chosen.draft}
    example=${chosen.key}
    sources=${withUploads(catalogue.sources.data.sources, catalogue.datasets.data.datasets)}
    architectures=${catalogue.architectures.data.architectures}
    schemas=${catalogue.document.data.components.schemas}
    devices=${catalogue.devices.data.devices}
  />`;
}

function Form({ first, example, sources, architectures, schemas, devices }) {
  const [draft, setDraft] = useState(first);
  const change = (changes) => setDraft((before) => ({ ...before, ...changes }));
  const request = jobRequest(draft, sources);
  return html`
    <div class="view-head"><h1>New job</h1></div>
    <${Examples} chosen=${example} />
    <${DataPart} draft=${draft} change=${change} setDraft=${setDraft} sources=${sources} />
    <${ModelPart} draft=${draft} change=${change} architectures=${architectures} />
    <${TrainPart} draft=${draft} change=${change} schemas=${schemas} />
    <${DevicePart} draft=${draft} change=${change} devices=${devices} />
    <${NewJobStart} request=${request} devices=${chosenDevices(draft, devices)} />
    <${Curls} calls=${[["/api/jobs", { method: "POST", body: request }]]} />
  `;
}

function Examples({ chosen }) {
  return html`<fieldset class="examples">
    <legend>Start from</legend>
    ${EXAMPLES.map(
      ({ key, title, about }) => html`<label class="example">
        <input type="radio" name="example" checked=${key === chosen} onChange=${() => setQuery({ example: key })} />
        <b>${title}</b>
        <span class="note">${about}</span>
      </label>`,
    )}
  </fieldset>`;
}

function DataPart({ draft, change, setDraft, sources }) {
  const source = sources.find((one) => one.name === draft.source) ?? sources[0];
  const own = Object.fromEntries(Object.entries(source.fields).map(([name, field]) => [name, ofKind(field)]));
  const begun = useMemo(() => Object.keys(draft.dataset), [draft.source]); // a field must not move while one types
  const [first, further] = split(own, (name, field) => field.required || begun.includes(name));
  const set = (dataset) => change({ dataset });
  return html`<${Card} title="Data" note=${source.about}>
    <label class="field wide-field">
      <span>Source</span>
      <select value=${draft.source} onChange=${(event) => change({ source: event.target.value, dataset: {} })}>
        <${SourceGroup} label="Known by name" sources=${sources.filter((one) => one.asked_by === "name" && !one.is_uploaded)} />
        <${SourceGroup} label="Uploaded" sources=${sources.filter((one) => one.is_uploaded)} />
        <${SourceGroup} label="Your own files" sources=${sources.filter((one) => one.asked_by === "format")} />
      </select>
    </label>
    <${Fields} fields=${{ ...first, batch_size: BATCHES.batch_size }} texts=${draft.dataset} onChange=${set} />
    <${Further} fields=${{ ...further, val_batch_size: BATCHES.val_batch_size, shuffle: BATCHES.shuffle }} texts=${draft.dataset} onChange=${set} />
    <${LookAtData} draft=${draft} setDraft=${setDraft} sources=${sources} />
  <//>`;
}

function SourceGroup({ label, sources }) {
  if (sources.length === 0) return null;
  return html`<optgroup label=${label}>
    ${sources.map((one) => html`<option key=${one.name} value=${one.name}>${one.name}</option>`)}
  </optgroup>`;
}

function LookAtData({ draft, setDraft, sources }) {
  const [seen, setSeen] = useState(null);
  const { busy, error, run } = useAction();
  async function look() {
    const body = { dataset_config: datasetConfig(draft, sources) };
    setSeen((await run("looking", () => call("POST", "/api/datasets/inspect", body))) ?? null);
  }
  return html`
    <div class="actions">
      <button type="button" disabled=${busy !== null} onClick=${look}>${busy ? "Reading all of it …" : "Look at the data"}</button>
      ${
        seen &&
        html`<button type="button" onClick=${() => setDraft((before) => withSuggestion(before, seen.suggested))}>
        Take the model that fits
      </button>`
      }
    </div>
    ${error && html`<${Problem} error=${error} />`}
    ${seen && html`<p class="seen" role="status">${seenText(seen)}</p>`}
  `;
}

function seenText(seen) {
  const parts = [
    `${counted(seen.num_train, "sample")} to train on, ${counted(seen.num_val, "sample")} to validate with`,
    `a sample is ${seen.inputs.shape.join(" × ")} ${seen.inputs.kind}`,
  ];
  if (seen.num_classes !== null) parts.push(`${counted(seen.num_classes, "class", "es")}${namesText(seen.classes)}`);
  if (seen.num_columns) parts.push(counted(seen.num_columns, "column"));
  if (seen.num_skipped)
    parts.push(
      `${counted(seen.num_skipped, "file")} skipped, such as ${seen.skipped[0].place}: ${seen.skipped[0].reason}`,
    );
  return `${parts.join("; ")}.`;
}

function namesText(classes) {
  const names = classes.slice(0, 10).map((one) => one.name);
  return names.length ? `: ${names.join(", ")}${classes.length > names.length ? ", …" : ""}` : "";
}

function ModelPart({ draft, change, architectures }) {
  const found = architectures.find((one) => one.architecture === draft.architecture);
  const fields = Object.fromEntries(
    Object.entries(found?.fields ?? {}).map(([name, field]) => [name, ofKind(field)]),
  );
  return html`<${Card} title="Model" note=${draft.way === "architecture" ? found?.about : WAY_NOTES[draft.way]}>
    <${Segmented} name="way" label="How the model is given" options=${WAYS} value=${draft.way} onChange=${(way) => change({ way })} />
    ${
      draft.way === "layer_sizes" &&
      html`<label class="field wide-field">
      <span>Layer sizes</span>
      <input type="text" placeholder="784, 128, 64, 10" value=${draft.layerSizes} onInput=${(event) => change({ layerSizes: event.target.value })} />
    </label>`
    }
    ${
      draft.way === "architecture" &&
      html`
      <label class="field wide-field">
        <span>Architecture</span>
        <input type="text" list="architectures" value=${draft.architecture} onInput=${(event) => change({ architecture: event.target.value, config: {} })} />
        <datalist id="architectures">
          ${architectures.map((one) => html`<option value=${one.architecture}></option>`)}
        </datalist>
      </label>
      <${Fields} fields=${fields} texts=${draft.config} onChange=${(config) => change({ config })} />
    `
    }
    ${
      draft.way === "layers" &&
      html`<label class="field wide-field">
      <span>Layers, as JSON</span>
      <textarea rows="10" spellcheck=${false} value=${draft.layers} onInput=${(event) => change({ layers: event.target.value })}></textarea>
    </label>`
    }
  <//>`;
}

const WAY_NOTES = {
  layer_sizes:
    "Linear layers with ReLU between them: numbers of a sample, sizes in between, numbers of an answer.",
  layers: 'A list of PyTorch\'s layers by their own names, such as {"type": "Linear", "out_features": 10}.',
};

function TrainPart({ draft, change, schemas }) {
  const fields = ofSchema(schemas.TrainConfig, schemas);
  const begun = useMemo(() => Object.keys(draft.train), []);
  const [first, further] = split(fields, (name) => USUAL_TRAIN.includes(name) || begun.includes(name));
  const set = (train) => change({ train });
  return html`<${Card} title="Training">
    <${Fields} fields=${first} texts=${draft.train} onChange=${set} />
    <${Further} fields=${further} texts=${draft.train} onChange=${set} />
  <//>`;
}

function Further({ fields, texts, onChange }) {
  if (Object.keys(fields).length === 0) return null;
  return html`<details class="further">
    <summary>${counted(Object.keys(fields).length, "further field")}</summary>
    <${Fields} fields=${fields} texts=${texts} onChange=${onChange} />
  </details>`;
}

function DevicePart({ draft, change, devices }) {
  const chosen = new Set(chosenDevices(draft, devices).map(keyOf));
  const live = devices.filter((device) => device.status !== "gone");
  function toggle(device) {
    const next = new Set(chosen);
    if (!next.delete(keyOf(device))) next.add(keyOf(device));
    change({ devices: [...next] });
  }
  return html`<${Card} title="Devices" note="They get the layers in this order; how many each gets is planned.">
    ${live.length === 0 && html`<p>No device is there. <a href=${linkTo("devices")}>Add one</a>.</p>`}
    <div class="checks">
      ${live.map(
        (device) => html`<label>
          <input type="checkbox" checked=${chosen.has(keyOf(device))} onChange=${() => toggle(device)} />
          ${keyOf(device)}
          <span class="note">${device.host_name ?? ""}${device.status === "busy" ? `, trains job ${device.held_by}` : ""}</span>
        </label>`,
      )}
    </div>
  <//>`;
}

function keyOf(device) {
  return `${device.ip}:${device.port}`;
}

function chosenDevices(draft, devices) {
  return devices.filter((device) =>
    draft.devices === null ? device.status === "free" : draft.devices.includes(keyOf(device)),
  );
}

function split(fields, isFirst) {
  const parts = [[], []];
  for (const [name, field] of Object.entries(fields)) parts[isFirst(name, field) ? 0 : 1].push([name, field]);
  return parts.map(Object.fromEntries);
}
