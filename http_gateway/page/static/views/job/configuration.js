import { html } from "../../app/html.js";
import { Card } from "../../parts/ui.js";
import { JobCurls } from "../../parts/job_curls.js";

export function Configuration({ job }) {
  const parts = [
    ["Data", job.dataset_config],
    ["Model", job.model ?? job.model_config],
    ["Task", job.task],
    ["Training", job.plan?.train_config ?? job.train_config],
    ["Failure policy", job.failure_policy],
    ["Checkpoints", job.checkpoints],
    ["Samples", job.data],
  ].filter(([, value]) => value);
  return html`
    <div class="grid">
      ${parts.map(
        ([title, value]) => html`<${Card} title=${title}>
          ${isPlain(value) ? html`<${Facts} of=${value} />` : html`<${Json} of=${value} />`}
        <//>`,
      )}
      <${Card} title="Devices">
        <ul class="plain">
          ${job.registered_devices.map(
            (one) => html`<li>Device ${one.device_id} <span class="note">${one.ip}:${one.port}</span></li>`,
          )}
        </ul>
      <//>
    </div>
    <${JobCurls} job=${job} paths=${[""]} />
  `;
}

function isPlain(value) {
  return Object.values(value).every((one) => one === null || typeof one !== "object" || isShort(one));
}

function isShort(list) {
  return Array.isArray(list) && list.length < 12 && list.every((one) => typeof one !== "object");
}

function Facts({ of: facts }) {
  return html`<dl class="facts">
    ${Object.entries(facts).map(
      ([name, value]) => html`<dt>${name}</dt>
        <dd>${value === null ? "–" : Array.isArray(value) ? value.join(", ") : String(value)}</dd>`,
    )}
  </dl>`;
}

function Json({ of: value }) {
  return html`<pre class="json" tabindex="0">${JSON.stringify(value, null, 2)}</pre>`;
}
