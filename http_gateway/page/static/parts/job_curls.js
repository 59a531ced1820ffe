import { html } from "../app/html.js";
import { Curls } from "./ui.js";

// `paths` are behind the job's own.
export function JobCurls({ job, paths }) {
  const id = encodeURIComponent(job.job_id);
  return html`<${Curls} calls=${paths.map((path) => [`/api/jobs/${id}${path}`])} />`;
}
