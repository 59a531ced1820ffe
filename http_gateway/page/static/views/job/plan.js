import { html } from "../../app/html.js";
import { bytes, bytesPerSecond, counted, number, percent, seconds } from "../../app/format.js";
import { ofJob, useLoaded } from "../../app/loaded.js";
import { Card, Empty, Loading, Problem, Scroll, Tile } from "../../parts/ui.js";
import { JobCurls } from "../../parts/job_curls.js";

const TAKES_PART = new Set(["plan", "status", "epoch"]);

export function usePlan(job) {
  // Before the devices have their layers there is none, and the gateway would refuse.
  const isThere = Object.keys(job.layers).length > 0;
  const path = isThere ? `/api/jobs/${encodeURIComponent(job.job_id)}/plan` : null;
  return useLoaded(path, (entry) => ofJob(job.job_id)(entry) && TAKES_PART.has(entry.kind));
}

export function Plan({ job }) {
  const { data, error, reload } = usePlan(job);
  if (Object.keys(job.layers).length === 0) {
    return html`<${Empty} title="No plan yet">The devices are measured when training starts.<//>`;
  }
  return html`
    ${!data && !error && html`<${Loading} />`}
    ${error && html`<${Problem} error=${error} retry=${reload} />`}
    ${data && html`<${Verdict} plan=${data} /><${Shares} plan=${data} /><${Links} plan=${data} />`}
    <${JobCurls} job=${job} paths=${["/plan"]} />
  `;
}

export function Verdict({ plan }) {
  const { measured } = plan;
  return html`<${Card} title="Does it pay?" note=${plan.verdict.text}>
    <dl class="tiles">
      <${Tile} label="Step, predicted" value=${seconds(plan.step_s)} />
      ${
        measured &&
        html`<${Tile}
        label="Step, measured"
        value=${seconds(measured.step_s)}
        note=${missText(measured.error)}
      />`
      }
      <${Tile} label="Samples/s, predicted" value=${number(plan.samples_per_s, 3)} />
      <${Tile} label="Bubble, predicted" value=${percent(plan.bubble)} />
      <${Tile} label="Schedule" value=${plan.schedule} note=${`${counted(plan.num_microbatches, "microbatch", "es")}, batches of ${plan.batch_size}`} />
      <${Tile} label="Messages" value=${plan.wire} />
    </dl>
    ${measured?.note && html`<p class="note">${measured.note}</p>`}
  <//>`;
}

// By how much the prediction was beside the measurement.
function missText(error) {
  return error === 0
    ? "as predicted"
    : `${percent(Math.abs(error))} ${error < 0 ? "less" : "more"} was predicted`;
}

const ROWS = [
  ["computing_s", "Computing"],
  ["updating_s", "Updating"],
  ["waiting_s", "Waiting"],
];

// Each device's seconds of one step, what was predicted beside what was measured.
export function Shares({ plan }) {
  return html`<${Card} title="One step of each device">
    <${Scroll} label="One step of each device">
      <table>
        <thead>
          <tr>
            <th scope="col">Device</th>
            <th scope="col">Layers</th>
            <th scope="col" class="figure">Threads</th>
            ${ROWS.map(([, text]) => html`<th scope="col" class="figure">${text}</th>`)}
            <th scope="col" class="figure">Memory</th>
          </tr>
        </thead>
        <tbody>
          ${plan.devices.map((device) => html`<${DeviceShares} device=${device} measured=${plan.measured} />`)}
        </tbody>
      </table>
    <//>
    ${plan.measured && html`<p class="note">Predicted first, measured below it.</p>`}
  <//>`;
}

function DeviceShares({ device, measured }) {
  const real = measured?.devices[device.device_id];
  const [start, end] = device.layers;
  return html`<tr>
    <th scope="row">Device ${device.device_id}</th>
    <td>${layersText(start, end)}</td>
    <td class="figure">${device.threads}</td>
    ${ROWS.map(
      ([name]) => html`<td class="figure">
        ${seconds(device[name])}${real && html`<br /><span class="note">${seconds(real[name])}</span>`}
      </td>`,
    )}
    <td class="figure">
      ${bytes(device.memory.needed_bytes)}
      ${
        device.memory.limit_bytes !== null &&
        html`<br /><span class="note">of ${bytes(device.memory.limit_bytes)}</span>`
      }
    </td>
  </tr>`;
}

function Links({ plan }) {
  if (plan.links.length === 0) return null;
  return html`<${Card} title="Between the devices">
    <${Scroll} label="Between the devices">
      <table>
        <thead>
          <tr>
            <th scope="col">Link</th>
            <th scope="col">Channel</th>
            <th scope="col" class="figure">Latency</th>
            <th scope="col" class="figure">Speed</th>
            <th scope="col" class="figure">One message</th>
          </tr>
        </thead>
        <tbody>
          ${plan.links.map(
            (link) => html`<tr>
              <th scope="row">${link.devices.join(" → ")}</th>
              <td>${link.kind.replaceAll("_", " ")}</td>
              <td class="figure">${seconds(link.latency_s)}</td>
              <td class="figure">${bytesPerSecond(link.bytes_per_s)}</td>
              <td class="figure">${bytes(link.message_bytes)} in ${seconds(link.message_s)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    <//>
  <//>`;
}

// Layers as people count them, from 1: [0, 2) is 1–2.
export function layersText(start, end) {
  return end - start === 1 ? `layer ${start + 1}` : `layers ${start + 1}–${end}`;
}
