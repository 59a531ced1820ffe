// What a trained model gets right and wrong. It costs a pass over data, so it begins by a click.

import { html, useState } from "../../app/html.js";
import { call } from "../../app/api.js";
import { dataText, moment } from "../../app/format.js";
import { useLoaded } from "../../app/loaded.js";
import { session } from "../../app/session.js";
import { Store, useStore } from "../../app/store.js";
import { OptionGroup } from "../../parts/fields.js";
import { Card, Curls, Empty, Problem, Segmented } from "../../parts/ui.js";
import { Evaluated } from "./evaluated.js";

const UNTRAINED = new Set(["created", "initialized", "broken"]);
const SPLITS = [
  ["validation", "Validation"],
  ["training", "Training"],
  ["all", "All"],
];
const NOTHING = { begun: null, controller: null, answer: null, measuredAt: null, error: null };

// A job's id -> a Store: a pass goes on, and its answer stays, while the page shows something else.
const passes = new Map();

session.listen(() => {
  if (!session.value?.signed_in) passes.clear();
});

function passOf(jobId) {
  if (!passes.has(jobId)) passes.set(jobId, new Store(NOTHING));
  return passes.get(jobId);
}

export function Evaluation({ job }) {
  if (UNTRAINED.has(job.status)) {
    return html`<${Empty} title="No trained weights yet">
      Once the job trains, you can see here what it gets right and wrong.
    <//>`;
  }
  return html`<${Measuring} job=${job} />`;
}

function Measuring({ job }) {
  const { begun, controller, answer, measuredAt, error } = useStore(passOf(job.job_id));
  const [wanted, setWanted] = useState({ data: "", split: usualSplit("") });
  const path = `/api/jobs/${encodeURIComponent(job.job_id)}/evaluate`;
  const body = bodyOf(wanted);
  return html`
    <${Card}
      title="What it gets right"
      note="The newest weights judge every sample that you choose. Nothing is trained by it."
    >
      <${Choice} job=${job} wanted=${wanted} setWanted=${setWanted} />
      <div class="actions">
        <button
          type="button"
          class="primary"
          disabled=${begun !== null}
          onClick=${() => measure(job.job_id, path, body)}
        >
          ${answer ? "Evaluate again" : "Evaluate"}
        </button>
        ${
          begun !== null &&
          html`<span class="loading" role="status">Evaluating since ${moment(begun)} …</span>
          <button type="button" class="small" onClick=${() => controller.abort()}>Cancel</button>`
        }
      </div>
      ${error && html`<${Problem} error=${error} />`}
    <//>
    ${answer && html`<${Evaluated} key=${measuredAt} answer=${answer} measuredAt=${measuredAt} />`}
    <${Curls} calls=${[[path, { method: "POST", body }]]} />
  `;
}

async function measure(jobId, path, body) {
  const pass = passOf(jobId);
  const controller = new AbortController();
  const begun = new Date().toISOString();
  pass.value = { ...pass.value, begun, controller, error: null };
  try {
    const answer = await call("POST", path, body, controller.signal);
    pass.value = { ...NOTHING, answer, measuredAt: begun };
  } catch (error) {
    const shown = controller.signal.aborted ? null : error;
    pass.value = { ...pass.value, begun: null, controller: null, error: shown };
  }
}

function Choice({ job, wanted, setWanted }) {
  const { data, error, reload } = useLoaded("/api/datasets");
  const named = (isUploaded) =>
    (data?.datasets ?? []).filter((one) => one.is_uploaded === isUploaded).map((one) => one.name);
  const choose = (name) => setWanted({ data: name, split: usualSplit(name) });
  return html`
    <div class="choices">
      <label class="field wide-field">
        <span>Data</span>
        <select value=${wanted.data} onChange=${(event) => choose(event.target.value)}>
          <option value="">the job's own: ${dataText(job.dataset_config)}</option>
          <${OptionGroup} label="Uploaded" names=${named(true)} />
          <${OptionGroup} label="Known by name" names=${named(false)} />
        </select>
      </label>
      <${Segmented}
        name="split"
        label="Samples"
        options=${SPLITS}
        value=${wanted.split}
        onChange=${(split) => setWanted({ ...wanted, split })}
      />
    </div>
    ${error && html`<${Problem} error=${error} retry=${reload} />`}
  `;
}

// Of the job's own data those that it was not trained on; of other data all.
function usualSplit(data) {
  return data === "" ? "validation" : "all";
}

// What is usual is left out: some data has no splits.
function bodyOf({ data, split }) {
  return {
    ...(data === "" ? {} : { dataset_config: { name: data } }),
    ...(split === usualSplit(data) ? {} : { split }),
  };
}
