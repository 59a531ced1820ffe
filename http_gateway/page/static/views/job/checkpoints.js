import { html } from "../../app/html.js";
import { bytes, moment, number } from "../../app/format.js";
import { ofJob, useLoaded } from "../../app/loaded.js";
import { Card, Empty, Loaded, Scroll } from "../../parts/ui.js";
import { JobCurls } from "../../parts/job_curls.js";

export function Checkpoints({ job }) {
  const path = `/api/jobs/${encodeURIComponent(job.job_id)}`;
  const isNews = (entry) => ofJob(job.job_id)(entry) && entry.kind !== "step";
  const checkpoints = useLoaded(`${path}/checkpoints`, isNews);
  const download = html`
    <a class="button" href=${`${path}/model`} download>Download the weights</a>
    <a class="button" href=${`${path}/model?format=bundle`} download>Download a bundle</a>
  `;
  return html`
    <${Card}
      title="Checkpoints"
      note="The job's state on disk. The newest are kept, and the best."
      actions=${checkpoints.data?.checkpoints.length > 0 && download}
    >
      <${Loaded} of=${checkpoints}>
        ${(data) =>
          data.checkpoints.length
            ? html`<${CheckpointTable} checkpoints=${data.checkpoints} />`
            : html`<${Empty} title="No checkpoint yet">The first one is written when training begins.<//>`}
      <//>
    <//>
    <${JobCurls} job=${job} paths=${["/checkpoints", "/model"]} />
  `;
}

function CheckpointTable({ checkpoints }) {
  const names = Object.keys(checkpoints[0]).filter((name) => name.startsWith("val_"));
  return html`<${Scroll} label="Checkpoints">
    <table>
      <thead>
        <tr>
          <th scope="col">Saved</th>
          <th scope="col" class="figure">Step</th>
          <th scope="col" class="figure">Epoch</th>
          ${names.map((name) => html`<th scope="col" class="figure">${name}</th>`)}
          <th scope="col" class="figure">Size</th>
          <th scope="col">Taken</th>
        </tr>
      </thead>
      <tbody>
        ${checkpoints.map(
          (one) => html`<tr key=${one.checkpoint_id}>
            <th scope="row">${moment(one.created_at)}</th>
            <td class="figure">${one.step.toLocaleString("en")}</td>
            <td class="figure">${one.epoch ?? "–"}</td>
            ${names.map((name) => html`<td class="figure">${number(one[name])}</td>`)}
            <td class="figure">${bytes(one.num_bytes)}</td>
            <td>${one.finished ? "at the session's end" : "while it trained"}</td>
          </tr>`,
        )}
      </tbody>
    </table>
  <//>`;
}
