import { html, useState } from "../app/html.js";
import { call } from "../app/api.js";
import { bytes, bytesPerSecond, counted, seconds } from "../app/format.js";
import { isFigure } from "../app/kinds.js";
import { useLoaded } from "../app/loaded.js";
import { linkTo } from "../app/router.js";
import { session } from "../app/session.js";
import { useStore } from "../app/store.js";
import { Card, CopyLine, Curls, Empty, Loaded, Problem, Question, Scroll, Status, useAction } from "../parts/ui.js";

const LEVELS = { error: "bad", warning: "warning", ok: "good" };

export function Devices() {
  const isNews = (entry) => !isFigure(entry.kind);
  const devices = useLoaded("/api/devices", isNews);
  const jobs = useLoaded("/api/jobs", isNews);
  return html`
    <div class="view-head">
      <h1>Devices</h1>
      <button type="button" onClick=${devices.reload}>Look again</button>
    </div>
    <${Loaded} of=${devices} what="Loading the devices">
      ${(data) =>
        data.devices.length === 0
          ? html`<${Empty} title="No device is there">Start one as it is said below.<//>`
          : html`<div class="grid">
              ${data.devices.map(
                (device) => html`<${Device}
                  key=${`${device.ip}:${device.port}`}
                  device=${device}
                  jobs=${jobs.data?.jobs ?? []}
                  reload=${devices.reload}
                />`,
              )}
            </div>`}
    <//>
    <${AddDevice} />
    <${Doctor} />
    <${Curls} calls=${[["/api/devices"], ["/api/doctor"]]} />
  `;
}

function Device({ device, jobs, reload }) {
  const { busy, error, run } = useAction();
  const [ask, setAsk] = useState(null);
  const place = `${device.ip}:${device.port}`;
  async function act(name, work) {
    await run(name, work);
    reload();
  }
  const body = (jobId) => ({ ip: device.ip, port: device.port, job_id: jobId });
  const register = (jobId) => act("Registering", () => call("POST", "/api/devices/register", body(jobId)));
  const query = new URLSearchParams({ ip: device.ip });
  const remove = () => act("Taking it out", () => call("DELETE", `/api/devices/${device.port}?${query}`));
  return html`<article class="card device-card">
    <header class="card-head">
      <h2>${place}</h2>
      <${Status} status=${device.status} />
      <p class="note">${device.host_name ?? ""}</p>
    </header>
    <dl class="facts">
      <dt>Computes on</dt><dd>${computesOn(device)}</dd>
      <dt>Memory</dt><dd>${memoryText(device)}</dd>
      <dt>System</dt><dd>${device.os ?? "–"}</dd>
      <dt>Versions</dt><dd>${versionsText(device.versions)}</dd>
      <dt>Jobs</dt><dd>${jobLinks(device)}</dd>
    </dl>
    ${device.probe_error && html`<p class="note">${device.probe_error}</p>`}
    ${error && html`<${Problem} error=${error} />`}
    <div class="actions">
      ${busy && html`<span class="loading" role="status">${busy} …</span>`}
      ${device.status !== "gone" && html`<${RegisterChoice} device=${device} jobs=${jobs} register=${register} />`}
      ${
        device.jobs.length > 0 &&
        html`<button type="button" class="small" onClick=${() => setAsk(question(place, device, remove))}>Take out</button>`
      }
    </div>
    <${Question} ask=${ask} onClose=${() => setAsk(null)} />
  </article>`;
}

function question(place, device, run) {
  const text =
    device.held_by === null
      ? `It is taken out of ${counted(device.jobs.length, "job")}.`
      : `It trains job ${device.held_by}. Its layers move to the other devices first, which may take some minutes.`;
  return { title: `Take ${place} out of its jobs?`, text, action: "Take out", run };
}

function RegisterChoice({ device, jobs, register }) {
  const open = jobs.filter((job) => job.status !== "broken" && !device.jobs.includes(job.job_id));
  if (open.length === 0) return null;
  return html`<label class="inline">
    <span class="hidden">Register with a job</span>
    <select value="" onChange=${(event) => register(event.target.value)}>
      <option value="">Register with …</option>
      ${open.map((job) => html`<option key=${job.job_id} value=${job.job_id}>job ${job.job_id}</option>`)}
    </select>
  </label>`;
}

function computesOn({ cores, accelerators }) {
  if (accelerators?.length) return accelerators.join(", ");
  return cores === null ? "–" : counted(cores, "core");
}

function memoryText({ memory_bytes: all, available_memory_bytes: free }) {
  if (all === null) return "–";
  return free === null ? bytes(all) : `${bytes(free)} of ${bytes(all)} free`;
}

function versionsText(versions) {
  const known = Object.entries(versions ?? {}).filter(([, version]) => version !== null);
  return known.map(([name, version]) => `${name} ${version}`).join(", ") || "–";
}

function jobLinks(device) {
  if (device.jobs.length === 0) return "none";
  return device.jobs.map((id, i) => html`${i > 0 && ", "}<a href=${linkTo("jobs", id)}>${id}</a>`);
}

function AddDevice() {
  const address = useStore(session)?.ray_address;
  return html`<${Card} title="Add a device">
    ${
      address
        ? html`
          <p>With Tandem installed there, run this on the other device. It asks for the cluster's token.</p>
          <${CopyLine} text=${`tandem join ${address}`} label="command" />
        `
        : html`
          <p>
            This gateway runs a cluster of its own, on this machine alone. For several machines, start a head and
            a gateway that uses it; the head prints the line for each of the other devices.
          </p>
          <${CopyLine} text="tandem head" label="command" />
          <${CopyLine} text="tandem serve --ray-address <the address that the head prints>" label="command" />
        `
    }
  <//>`;
}

function Doctor() {
  const [report, setReport] = useState(null);
  const { busy, error, run } = useAction();
  async function look() {
    setReport((await run("looking", () => call("GET", "/api/doctor"))) ?? null);
  }
  return html`<${Card}
    title="Doctor"
    note="Looks at every device and measures the links between them. It takes up to half a minute."
    actions=${html`<button type="button" disabled=${busy !== null} onClick=${look}>${busy ? "Examining …" : "Examine the cluster"}</button>`}
  >
    ${error && html`<${Problem} error=${error} />`}
    ${report && html`<${Findings} report=${report} /><${Links} links=${report.links} />`}
  <//>`;
}

function Findings({ report }) {
  return html`
    <p role="status">
      ${report.ok ? "The cluster is fit to train." : "Something keeps the cluster from training."}
      ${" "}${counted(report.checked_nodes, "node")} answered.
    </p>
    <ul class="findings">
      ${report.findings.map(
        (one) => html`<li>
          <span class=${`chip ${LEVELS[one.level]}`}>${one.level}</span>
          <div>
            <p>${one.text}</p>
            ${
              one.remedy &&
              html`<p class="note">${one.node ? `On ${one.node}:` : "On the gateway's machine:"}</p>
              <${CopyLine} text=${one.remedy} label="remedy" />`
            }
          </div>
        </li>`,
      )}
    </ul>
  `;
}

function Links({ links }) {
  if (links.length === 0) return null;
  return html`<${Scroll} label="Links">
    <table>
      <thead>
        <tr>
          <th scope="col">From</th>
          <th scope="col">To</th>
          <th scope="col" class="figure">Round trip</th>
          <th scope="col" class="figure">Speed</th>
        </tr>
      </thead>
      <tbody>
        ${links.map(
          (link) => html`<tr>
            <th scope="row">${link.from}</th>
            <td>${link.to}</td>
            <td class="figure">${seconds(link.round_trip_s)}</td>
            <td class="figure">${bytesPerSecond(link.bytes_per_s)}</td>
          </tr>`,
        )}
      </tbody>
    </table>
  <//>`;
}
