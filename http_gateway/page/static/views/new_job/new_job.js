import { html, useState } from "../../app/html.js";
import { EXAMPLES, deviceKey, draftLike, jobRequest, withUploads } from "../../app/draft.js";
import { useLoaded } from "../../app/loaded.js";
import { linkTo, route, setQuery } from "../../app/router.js";
import { useStore } from "../../app/store.js";
import { ofSchema } from "../../parts/fields.js";
import { Card, Curls, Loading, Problem } from "../../parts/ui.js";
import { DataPart } from "./data.js";
import { DetailsPart, TrainPart } from "./further.js";
import { ModelPart } from "./model.js";
import { NewJobStart } from "./start.js";

// #/new?example=text begins with an example, #/new?like=3 with the configuration of job 3.
export function NewJob() {
  const { query } = useStore(route);
  const like = query.get("like");
  const likePath = like === null ? null : `/api/jobs/${encodeURIComponent(like)}?history_limit=0`;
  const job = useLoaded(likePath);
  const catalogue = {
    sources: useLoaded("/api/sources"),
    datasets: useLoaded("/api/datasets"),
    architectures: useLoaded("/api/architectures"),
    document: useLoaded("/openapi.json"),
    devices: useLoaded("/api/devices", (entry) => entry.kind === "status"),
  };
  const needed = [...Object.values(catalogue), ...(like === null ? [] : [job])];
  const missing = needed.find((one) => one.data === undefined);
  if (missing?.error) return html`<${Problem} error=${missing.error} retry=${missing.reload} />`;
  if (missing) return html`<${Loading} what="Loading what a job can be made of" />`;
  const example = like === null ? exampleIn(query) : null;
  const schemas = catalogue.document.data.components.schemas;
  const devices = catalogue.devices.data.devices;
  return html`<${Form}
    key=${example?.key ?? `like ${job.data.job_id}`}
    first=${() => example?.draft ?? draftLike(job.data, policiesIn(schemas), devices)}
    example=${example}
    like=${like}
    catalogue=${{
      sources: catalogue.sources.data.sources,
      datasets: catalogue.datasets.data,
      architectures: catalogue.architectures.data.architectures,
      schemas,
      policies: policiesIn(schemas),
      devices,
    }}
  />`;
}

function exampleIn(query) {
  return EXAMPLES.find(({ key }) => key === query.get("example")) ?? EXAMPLES[0];
}

function policiesIn(schemas) {
  return {
    failurePolicy: ofSchema(schemas.FailurePolicyFields, schemas),
    checkpoints: ofSchema(schemas.CheckpointPolicyFields, schemas),
  };
}

function Form({ first, example, like, catalogue }) {
  const [draft, setDraft] = useState(first);
  const [added, setAdded] = useState([]); // data sets that were uploaded here
  const { architectures, schemas, policies, devices } = catalogue;
  const datasets = together(catalogue.datasets.datasets, added);
  const sources = withUploads(catalogue.sources, datasets);
  const change = (changes) => setDraft((before) => ({ ...before, ...changes }));
  const request = jobRequest(draft, sources);
  return html`
    <div class="view-head"><h1>New job</h1></div>
    ${like !== null && html`<${LikeNote} jobId=${like} />`}
    <${Examples} chosen=${example?.key} />
    <${DataPart}
      draft=${draft}
      setDraft=${setDraft}
      sources=${sources}
      datasets=${datasets}
      maxBytes=${catalogue.datasets.max_upload_bytes}
      onAdded=${(dataset) => setAdded((before) => together(before, [dataset]))}
    />
    <${ModelPart} draft=${draft} change=${change} architectures=${architectures} />
    <${TrainPart} draft=${draft} change=${change} schemas=${schemas} />
    <${DetailsPart} draft=${draft} change=${change} schemas=${schemas} policies=${policies} />
    <${DevicePart} draft=${draft} change=${change} devices=${devices} />
    <${NewJobStart} request=${request} devices=${chosenDevices(draft, devices)} />
    <${Curls} calls=${[["/api/jobs", { method: "POST", body: request }]]} />
  `;
}

// What is uploaded again stands in the place of the one of its name.
function together(datasets, added) {
  const names = new Set(added.map((one) => one.name));
  return [...datasets.filter((one) => !names.has(one.name)), ...added];
}

function LikeNote({ jobId }) {
  return html`<div class="callout" role="status">
    <p>
      The form is filled in as <a href=${linkTo("jobs", jobId)}>job ${jobId}</a> was trained last. Change what you
      want. Nothing that it has learnt is taken along.
    </p>
  </div>`;
}

function Examples({ chosen }) {
  return html`<fieldset class="examples">
    <legend>Start from</legend>
    ${EXAMPLES.map(
      ({ key, title, about }) => html`<label class="example">
        <input
          type="radio"
          name="example"
          checked=${key === chosen}
          onChange=${() => setQuery({ example: key, like: null })}
        />
        <b>${title}</b>
        <span class="note">${about}</span>
      </label>`,
    )}
  </fieldset>`;
}

function DevicePart({ draft, change, devices }) {
  const chosen = new Set(chosenDevices(draft, devices).map(deviceKey));
  const live = devices.filter((device) => device.status !== "gone");
  function toggle(device) {
    const next = new Set(chosen);
    if (!next.delete(deviceKey(device))) next.add(deviceKey(device));
    change({ devices: [...next] });
  }
  return html`<${Card} title="Devices" note="They get the layers in this order; how many each gets is planned.">
    ${live.length === 0 && html`<p>No device is there. <a href=${linkTo("devices")}>Add one</a>.</p>`}
    <div class="checks">
      ${live.map(
        (device) => html`<label>
          <input type="checkbox" checked=${chosen.has(deviceKey(device))} onChange=${() => toggle(device)} />
          ${deviceKey(device)}
          <span class="note">${device.host_name ?? ""}${device.status === "busy" ? `, trains job ${device.held_by}` : ""}</span>
        </label>`,
      )}
    </div>
  <//>`;
}

function chosenDevices(draft, devices) {
  return devices.filter((device) =>
    draft.devices === null ? device.status === "free" : draft.devices.includes(deviceKey(device)),
  );
}
