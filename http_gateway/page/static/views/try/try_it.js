import { html, useEffect, useState } from "../../app/html.js";
import { dataText, modelText } from "../../app/format.js";
import { useLoaded } from "../../app/loaded.js";
import { goTo, linkTo } from "../../app/router.js";
import { call } from "../../app/api.js";
import { Curls, Empty, Loaded, Loading, Problem } from "../../parts/ui.js";
import { TryImage } from "./image.js";
import { TryNumbers, TryRow } from "./row.js";
import { TryText } from "./text.js";

const TRAINED = new Set(["completed", "stopped", "training", "recovering"]);

export function TryIt({ parts }) {
  const jobs = useLoaded("/api/jobs", (entry) => entry.kind === "status");
  return html`
    <div class="view-head"><h1>Try it</h1></div>
    <${Loaded} of=${jobs} what="Loading the jobs">
      ${(data) => html`<${Chosen} jobs=${data.jobs.filter((job) => TRAINED.has(job.status))} asked=${parts[1]} />`}
    <//>
  `;
}

function Chosen({ jobs, asked }) {
  const job = asked === undefined ? jobs.at(-1) : jobs.find((one) => one.job_id === asked);
  if (jobs.length === 0) {
    return html`<${Empty} title="No trained network yet">
      <p>Train one, then draw, drop or type what it should judge.</p>
      <a class="button primary" href=${`${linkTo("new")}?example=digits`}>Train the digits</a>
    <//>`;
  }
  return html`
    <label class="field wide-field">
      <span>Network</span>
      <select value=${job?.job_id ?? ""} onChange=${(event) => goTo("try", event.target.value)}>
        ${!job && html`<option value="">job ${asked} has no trained weights</option>`}
        ${[...jobs].reverse().map(
          (one) => html`<option key=${one.job_id} value=${one.job_id}>
          job ${one.job_id}: ${modelText(one.model_config)} on ${dataText(one.dataset_config)}
        </option>`,
        )}
      </select>
    </label>
    ${job && html`<${Trial} key=${job.job_id} job=${job} />`}
  `;
}

// What the network takes is told by its data.
function Trial({ job }) {
  const [seen, setSeen] = useState({ data: null, error: null });
  const look = () => inspected(job, setSeen);
  useEffect(() => void look(), []);
  const path = `/api/jobs/${encodeURIComponent(job.job_id)}/predict`;
  const body = { dataset_config: job.dataset_config };
  if (seen.error) return html`<${Problem} error=${seen.error} retry=${look} />`;
  if (!seen.data) return html`<${Loading} what="Looking at what its data is like" />`;
  return html`
    <${formOf(seen.data)} path=${path} job=${job} data=${seen.data} />
    <${Curls} calls=${[["/api/datasets/inspect", { method: "POST", body }]]} />
  `;
}

async function inspected(job, setSeen) {
  setSeen({ data: null, error: null });
  try {
    const body = { dataset_config: job.dataset_config };
    setSeen({ data: await call("POST", "/api/datasets/inspect", body), error: null });
  } catch (error) {
    setSeen({ data: null, error });
  }
}

function formOf({ inputs, columns, task }) {
  if (inputs.kind === "pixels") return TryImage;
  if (columns.length) return TryRow;
  return task === "next_token" ? TryText : TryNumbers;
}
