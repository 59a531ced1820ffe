import { html } from "../../app/html.js";
import { moment } from "../../app/format.js";
import { kindText, toneOf } from "../../app/kinds.js";
import { useLoaded } from "../../app/loaded.js";
import { Card, Empty, Loaded } from "../../parts/ui.js";
import { JobCurls } from "../../parts/job_curls.js";

// Events are the entries that have a text.
export function useEvents(jobId) {
  const path = `/api/jobs/${encodeURIComponent(jobId)}/events`;
  return useLoaded(path, (entry) => entry.job_id === jobId && entry.text !== null);
}

export function Events({ job }) {
  const events = useEvents(job.job_id);
  return html`
    <${Card} title="Events" note="What happened to the job, newest first.">
      <${Loaded} of=${events}>
        ${(data) =>
          data.events.length
            ? html`<ol class="events">
                ${[...data.events].reverse().map((event) => html`<${EventLine} key=${event.seq} event=${event} />`)}
              </ol>`
            : html`<${Empty} title="Nothing has happened yet" />`}
      <//>
    <//>
    <${JobCurls} job=${job} paths=${["/events"]} />
  `;
}

function EventLine({ event }) {
  return html`<li>
    <time datetime=${event.at}>${moment(event.at)}</time>
    <span class=${`chip ${toneOf(event.kind)}`}>${kindText(event.kind)}</span>
    <span>${event.text}</span>
  </li>`;
}
