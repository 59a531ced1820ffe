import { html } from "../../app/html.js";
import { bytes, bytesPerSecond, number, percent } from "../../app/format.js";
import { ofJob, useLoaded } from "../../app/loaded.js";
import { blockNames, bottleneck, busyShare, linkRates, sharesOf, stagesOf } from "../../app/traffic.js";
import { JobCurls } from "../../parts/job_curls.js";
import { Lanes } from "../../parts/lanes.js";
import { Card, Empty, ShareBar } from "../../parts/ui.js";
import { usePlan } from "./plan.js";

const MOST_BLOCKS = 8; // of a device that are named

export function Pipeline({ job }) {
  const plan = usePlan(job).data;
  const devices = useLoaded("/api/devices", (entry) => ofJob(job.job_id)(entry) && entry.kind === "status");
  const stages = stagesOf(job.layers);
  if (stages.length === 0) {
    return html`<${Empty} title="No pipeline yet">
      <p>Devices get their layers when training starts.</p>
    <//>`;
  }
  const nodes = devices.data?.devices ?? [];
  return html`
    <${Card} title="The pipeline" note="Activations travel forward, gradients back. Shares are of the time in training.">
      <${Picture} job=${job} stages=${stages} plan=${plan} nodes=${nodes} />
      <${TimeKey} />
    <//>
    <${Lanes} job=${job} />
    <${JobCurls} job=${job} paths=${["", "/plan", "/trace?steps=2"]} />
  `;
}

function Picture({ job, stages, plan, nodes }) {
  const stats = job.device_stats ?? {};
  const names = blockNames(job.model, stages.at(-1).end);
  const slowest = bottleneck(stages, stats);
  const rates = linkRates(stages, stats);
  return html`<ol class="pipeline">
    ${stages.map((stage, i) => {
      const planned = plan?.devices.find((one) => String(one.device_id) === stage.id);
      const at = job.registered_devices.find((one) => String(one.device_id) === stage.id);
      const node = nodes.find((one) => one.ip === at?.ip && one.port === at?.port);
      return html`
        <li key=${stage.id}>
          <${Device}
            stage=${stage}
            at=${at}
            node=${node}
            planned=${planned}
            stats=${stats[stage.id]}
            blocks=${names.slice(stage.start, stage.end)}
            isSlowest=${stage.id === slowest}
          />
        </li>
        ${
          i < stages.length - 1 &&
          html`<li key=${`after ${stage.id}`} class="link-item">
          <${Arrow} rate=${rates[i]} link=${plan?.links[i]} />
        </li>`
        }
      `;
    })}
  </ol>`;
}

function Device({ stage, at, node, planned, stats, blocks, isSlowest }) {
  const shown = blocks.slice(0, MOST_BLOCKS);
  return html`<article class=${isSlowest ? "device bottleneck" : "device"}>
    <header>
      <h3>Device ${stage.id}</h3>
      ${isSlowest && html`<span class="chip warning">bottleneck</span>`}
      ${node?.status === "gone" && html`<span class="chip bad">gone</span>`}
      <p class="note">${node?.host_name ?? ""} ${at ? `${at.ip}:${at.port}` : ""}</p>
    </header>
    <ul class="blocks" aria-label="Blocks">
      ${shown.map((name) => html`<li>${name}</li>`)}
      ${blocks.length > shown.length && html`<li>${blocks.length - shown.length} more</li>`}
    </ul>
    ${stats && html`<${ShareBar} parts=${sharesOf(stats).parts} label="Time" />`}
    <dl class="facts">
      ${stats && html`<dt>Busy</dt><dd>${percent(busyShare(stats))}</dd>`}
      ${stats && html`<dt>Speed</dt><dd>${number(stats.total_tflops, 3)} TFLOPs${peakText(stats)}</dd>`}
      <dt>Memory</dt>
      <dd>${memoryText(stats, planned)}</dd>
      ${Number.isFinite(stats?.power_w) && html`<dt>Power</dt><dd>${number(stats.power_w, 3)} W</dd>`}
      ${planned && html`<dt>Threads</dt><dd>${planned.accelerator ?? planned.threads}</dd>`}
    </dl>
  </article>`;
}

function peakText(stats) {
  return Number.isFinite(stats.peak_share) ? `, ${percent(stats.peak_share)} of its peak` : "";
}

function memoryText(stats, planned) {
  if (Number.isFinite(stats?.memory_bytes)) return bytes(stats.memory_bytes);
  return planned ? `${bytes(planned.memory.needed_bytes)} planned` : "–";
}

function Arrow({ rate, link }) {
  return html`<div class="link">
    <span class="way forward">
      <span class="hidden">activations forward</span>
      <span class="figure">${rate ? bytesPerSecond(rate.forward) : ""}</span>
      <svg viewBox="0 0 60 10" aria-hidden="true"><path d="M0 5H54M48 1L56 5L48 9" /></svg>
    </span>
    <span class="way back">
      <svg viewBox="0 0 60 10" aria-hidden="true"><path d="M60 5H6M12 1L4 5L12 9" /></svg>
      <span class="hidden">gradients back</span>
      <span class="figure">${rate ? bytesPerSecond(rate.back) : ""}</span>
    </span>
    <span class="note">${link?.kind.replaceAll("_", " ") ?? ""}</span>
  </div>`;
}

function TimeKey() {
  const parts = [
    ["computing", "Computing"],
    ["updating", "Updating"],
    ["loading", "Loading"],
    ["snapshots", "Snapshots"],
    ["wire", "On the wire"],
    ["waiting", "Waiting"],
  ];
  return html`<ul class="key">
    ${parts.map(([tone, text]) => html`<li><span class=${`swatch ${tone}`}></span>${text}</li>`)}
  </ul>`;
}
