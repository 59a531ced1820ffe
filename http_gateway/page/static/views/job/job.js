import { html, useState } from "../../app/html.js";
import { counted, dataText, modelText, number } from "../../app/format.js";
import { ofJob, useLoaded } from "../../app/loaded.js";
import { goTo, linkTo } from "../../app/router.js";
import { JobActions } from "../../parts/job_actions.js";
import { Loaded, Status, Tile } from "../../parts/ui.js";
import { Checkpoints } from "./checkpoints.js";
import { Configuration } from "./configuration.js";
import { Curve } from "./curve.js";
import { Evaluation } from "./evaluation.js";
import { Events } from "./events.js";
import { Pipeline } from "./pipeline.js";
import { Plan } from "./plan.js";

const TABS = [
  ["training", "Training", Curve],
  ["pipeline", "Pipeline", Pipeline],
  ["plan", "Plan", Plan],
  ["events", "Events", Events],
  ["checkpoints", "Checkpoints", Checkpoints],
  ["evaluation", "Evaluation", Evaluation],
  ["configuration", "Configuration", Configuration],
];

export function JobView({ parts }) {
  const jobId = parts[1];
  const job = useLoaded(`/api/jobs/${encodeURIComponent(jobId)}?history_limit=1`, ofJob(jobId));
  const [key, , Shown] = TABS.find(([name]) => name === parts[2]) ?? TABS[0];
  return html`<${Loaded} of=${job} what="Loading the job">
    ${(data) => html`
      <${JobHead} job=${data} reload=${job.reload} />
      <${Troubles} job=${data} />
      <${Progress} job=${data} />
      <nav class="tabs" aria-label="Parts of the job">
        ${TABS.map(
          ([name, text]) => html`<a
            href=${linkTo("jobs", jobId, name)}
            aria-current=${name === key ? "page" : undefined}
            >${text}</a
          >`,
        )}
      </nav>
      <${Shown} key=${key} job=${data} />
    `}
  <//>`;
}

function JobHead({ job, reload }) {
  const [answer, setAnswer] = useState(null);
  const parts = [dataText(job.dataset_config), modelText(job.model_config)];
  return html`
    <div class="view-head">
      <div>
        <h1>Job ${job.job_id} <${Status} status=${job.status} /></h1>
        <p class="note">${[...parts, counted(job.devices, "device")].join(" · ")}</p>
      </div>
      <${JobActions}
        job=${job}
        reload=${reload}
        tell=${setAnswer}
        onDeleted=${() => goTo("jobs")}
      />
    </div>
    ${
      answer &&
      html`<div class=${`callout ${answer.tone}`} role="status">
      <p>${answer.text}</p>
      <button type="button" class="small" onClick=${() => setAnswer(null)}>Close</button>
    </div>`
    }
  `;
}

function Troubles({ job }) {
  const { recovery } = job;
  return html`
    ${job.error && html`<div class="callout bad" role="alert"><p>${job.error}</p></div>`}
    ${job.storage_error && html`<div class="callout warning" role="status"><p>${job.storage_error}</p></div>`}
    ${
      recovery &&
      job.status === "recovering" &&
      html`<div class="callout warning" role="status">
      <p>
        ${
          recovery.waiting_for.length
            ? `The job waits for ${recovery.waiting_for.join(", ")}. `
            : "The job goes on from its last snapshot. "
        }
        ${recovery.advice ?? recovery.last_cause}
      </p>
    </div>`
    }
  `;
}

function Progress({ job }) {
  const { progress, recovery } = job;
  if (!progress) return null;
  const share = shareDone(progress);
  const survived = recovery?.num_failures ?? 0;
  return html`<div class="progress">
    <progress max="1" value=${share} aria-label="Share of the session that is done"></progress>
    <dl class="tiles">
      <${Tile} label="Epoch" value=${`${progress.epoch} of ${progress.epochs}`} />
      <${Tile} label="Step" value=${`${progress.step}${progress.steps ? ` of ${progress.steps}` : ""}`} />
      <${Tile} label="Loss" value=${number(progress.loss)} />
      <${Tile} label="Samples/s" value=${number(progress.samples_per_s, 3)} />
      ${lastValues(job).map(([name, value]) => html`<${Tile} label=${name} value=${number(value)} />`)}
      ${
        survived > 0 &&
        html`<${Tile} label="Failures survived" value=${survived} note=${`${counted(recovery.lost_steps, "step")} done again`} />`
      }
    </dl>
  </div>`;
}

// Of the session, by whole epochs and the steps of the one that is under way.
export function shareDone({ epoch, epochs, step, steps }) {
  if (!epoch || !epochs) return 0;
  const share = steps ? step / steps : 0;
  return Math.min(1, (epoch - 1 + share) / epochs);
}

function lastValues(job) {
  const last = job.history.at(-1);
  return last ? Object.entries(last).filter(([name]) => name.startsWith("val_")) : [];
}
