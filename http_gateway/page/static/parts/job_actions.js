// What can be done with a job now: start, stop, resume, verify, do it again, delete.

import { html, useState } from "../app/html.js";
import { call } from "../app/api.js";
import { linkTo } from "../app/router.js";
import { isActive } from "../app/statuses.js";
import { Problem, Question, useAction } from "./ui.js";

const TRAINED = ["completed", "stopped"];

export function JobActions({ job, reload, tell, onDeleted }) {
  const [ask, setAsk] = useState(null);
  const { busy, error, run, clear } = useAction();
  const id = encodeURIComponent(job.job_id);
  async function act(name, work, done = () => {}) {
    const result = await run(name, work);
    if (result !== undefined) done(result);
    reload();
  }
  const post = (path, body) => call("POST", path, body);
  const actions = {
    start: () => act("Starting", () => started(job)),
    stop: () => act("Stopping", () => post(`/api/jobs/${id}/stop`)),
    resume: () => act("Resuming", () => post(`/api/jobs/${id}/resume`)),
    verify: () =>
      act(
        "Verifying",
        () => post(`/api/jobs/${id}/verify`),
        (found) => tell(verdict(found)),
      ),
    remove: () =>
      act(
        "Deleting",
        () => call("DELETE", `/api/jobs/${id}${isActive(job) ? "?force=true" : ""}`),
        onDeleted,
      ),
  };
  return html`<div class="actions">
    ${busy && html`<span class="loading" role="status">${busy} …</span>`}
    ${offered(job, actions, setAsk).map(({ text, tone, run: go, href }) =>
      href
        ? html`<a class=${`button ${tone ?? ""}`} href=${href}>${text}</a>`
        : html`<button type="button" class=${tone ?? ""} disabled=${busy !== null} onClick=${go}>
              ${text}
            </button>`,
    )}
    ${error && html`<${Problem} error=${error} retry=${null} /><button type="button" class="small" onClick=${clear}>Close</button>`}
    <${Question} ask=${ask} onClose=${() => setAsk(null)} />
  </div>`;
}

function offered(job, actions, ask) {
  const { status } = job;
  const name = `job ${job.job_id}`;
  const list = [];
  if (["created", "initialized"].includes(status) && job.devices > 0) {
    list.push({ text: "Start training", tone: "primary", run: actions.start });
  }
  if (isActive(job)) {
    const text = "It stops at the next step and saves a checkpoint. You can resume it later.";
    list.push({
      text: "Stop",
      run: () => ask({ title: `Stop ${name}?`, text, action: "Stop", tone: "primary", run: actions.stop }),
    });
  }
  if (["stopped", "failed"].includes(status))
    list.push({ text: "Resume", tone: "primary", run: actions.resume });
  if (TRAINED.includes(status)) {
    const tone = status === "completed" ? "primary" : undefined;
    list.push({ text: "Try it", tone, href: linkTo("try", job.job_id) });
    const text =
      "One device trains the first steps again without a pipeline, and compares losses and weights bit for bit. This takes a minute at most.";
    list.push({
      text: "Verify",
      run: () =>
        ask({ title: `Verify ${name}?`, text, action: "Verify", tone: "primary", run: actions.verify }),
    });
  }
  list.push({ text: "Do it again, changed", href: `${linkTo("new")}?like=${encodeURIComponent(job.job_id)}` });
  const gone = "Its weights, checkpoints and curves are removed. This can't be undone.";
  const first = isActive(job) ? "It is stopped first. " : "";
  list.push({
    text: "Delete",
    tone: "danger",
    run: () => ask({ title: `Delete ${name}?`, text: first + gone, action: "Delete", run: actions.remove }),
  });
  return list;
}

async function started(job) {
  const id = encodeURIComponent(job.job_id);
  if (job.status === "created") await call("POST", `/api/network/initialize/${id}`);
  return call("POST", `/api/network/train/${id}`);
}

function verdict(found) {
  if (found.equal) return { tone: "good", text: found.message };
  const reasons = found.reason.length ? ` ${found.reason.join("; ")}.` : "";
  return { tone: found.equality_expected ? "bad" : "warning", text: found.message + reasons };
}
