// From a form to a job that trains: create, register, plan, and start once the verdict is seen.

import { html, useState } from "../../app/html.js";
import { call } from "../../app/api.js";
import { goTo } from "../../app/router.js";
import { Card, Problem } from "../../parts/ui.js";
import { Shares, Verdict } from "../job/plan.js";

const NOTHING = { jobId: null, plan: null, busy: null, error: null };

export function NewJobStart({ request, devices }) {
  const [state, setState] = useState(NOTHING);
  const set = (changes) => setState((before) => ({ ...before, ...changes }));
  const { jobId, plan, busy, error } = state;
  return html`<${Card} title="Plan and start" note="The devices are measured first. You see whether they are worth combining before anything trains.">
    ${devices.length === 0 && html`<p role="status">Choose at least one device.</p>`}
    ${error && html`<${Problem} error=${error} />`}
    ${busy && html`<p class="loading" role="status">${busy} …</p>`}
    ${plan && html`<${Verdict} plan=${plan} /><${Shares} plan=${plan} />`}
    <div class="actions">
      ${
        jobId === null &&
        html`<button type="button" class="primary" disabled=${busy !== null || devices.length === 0} onClick=${() => planned(request, devices, set)}>
        Create and plan
      </button>`
      }
      ${
        plan &&
        html`<button type="button" class="primary" disabled=${busy !== null} onClick=${() => started(jobId, set)}>Start training</button>`
      }
      ${
        jobId !== null &&
        html`<button type="button" disabled=${busy !== null} onClick=${() => takenBack(jobId, set)}>Delete it and change something</button>`
      }
    </div>
  <//>`;
}

async function planned(request, devices, set) {
  let jobId = null;
  try {
    set({ ...NOTHING, busy: "Creating the job" });
    jobId = (await call("POST", "/api/jobs", request)).job_id;
    set({ jobId });
    for (const { ip, port } of devices) {
      set({ busy: `Registering ${ip}:${port}` });
      await call("POST", "/api/devices/register", { ip, port, job_id: jobId });
    }
    set({ busy: "Measuring the devices and planning" });
    set({ plan: await call("POST", `/api/network/plan/${jobId}`), busy: null });
  } catch (error) {
    if (jobId !== null) await call("DELETE", `/api/jobs/${jobId}`).catch(() => {});
    set({ ...NOTHING, error });
  }
}

async function started(jobId, set) {
  try {
    set({ busy: "Giving the devices their layers", error: null });
    await call("POST", `/api/network/initialize/${jobId}`);
    set({ busy: "Starting" });
    await call("POST", `/api/network/train/${jobId}`);
    goTo("jobs", jobId);
  } catch (error) {
    set({ busy: null, error });
  }
}

async function takenBack(jobId, set) {
  try {
    set({ busy: "Deleting the job", error: null });
    await call("DELETE", `/api/jobs/${jobId}`);
    set(NOTHING);
  } catch (error) {
    set({ busy: null, error });
  }
}
