import { html, useState } from "../app/html.js";
import { counted, dataText, modelText } from "../app/format.js";
import { isFigure } from "../app/kinds.js";
import { useLoaded } from "../app/loaded.js";
import { goTo, linkTo, route, setQuery } from "../app/router.js";
import { isActive } from "../app/statuses.js";
import { useStore } from "../app/store.js";
import { LossSparkline } from "../parts/sparkline.js";
import { Curls, Empty, Loaded, Segmented, Status } from "../parts/ui.js";
import { FEWEST_COMPARED, MOST_COMPARED } from "./compare.js";

const PAGE = 50;
const GROUPS = {
  all: () => true,
  active: isActive,
  done: (job) => ["completed", "stopped"].includes(job.status),
  waiting: (job) => ["created", "initialized"].includes(job.status),
  failed: (job) => ["failed", "broken"].includes(job.status),
};
const GROUP_NAMES = { all: "All", active: "Active", done: "Done", waiting: "Waiting", failed: "Failed" };

export function Jobs() {
  const jobs = useLoaded("/api/jobs", (entry) => !isFigure(entry.kind));
  return html`
    <div class="view-head">
      <h1>Jobs</h1>
      <a class="button primary" href=${linkTo("new")}>New job</a>
    </div>
    <${Loaded} of=${jobs} what="Loading the jobs">
      ${(data) => (data.jobs.length ? html`<${JobList} jobs=${data.jobs} />` : html`<${NoJobs} />`)}
    <//>
    <${Curls} calls=${[["/api/jobs"]]} />
  `;
}

function NoJobs() {
  return html`<${Empty} title="No jobs yet">
    <p>
      Train a small network on the handwritten digits that come with Tandem. Nothing is downloaded, and it
      takes about half a minute.
    </p>
    <a class="button primary" href=${`${linkTo("new")}?example=digits`}>Train the digits</a>
  <//>`;
}

function JobList({ jobs }) {
  const { query } = useStore(route);
  const [limit, setLimit] = useState(PAGE);
  const group = query.get("status") ?? "all";
  const chosen = chosenIds(query, jobs);
  const words = (query.get("search") ?? "").toLowerCase();
  const found = jobs.filter((job) => textOf(job).includes(words));
  const shown = found.filter(GROUPS[group] ?? GROUPS.all).reverse(); // newest first
  const options = Object.keys(GROUPS).map((key) => [
    key,
    `${GROUP_NAMES[key]} ${found.filter(GROUPS[key]).length}`,
  ]);
  return html`
    <div class="filters">
      <label>
        <span class="hidden">Search jobs</span>
        <input
          type="search"
          placeholder="Search"
          value=${query.get("search") ?? ""}
          onInput=${(event) => setQuery({ search: event.target.value })}
        />
      </label>
      <${Segmented}
        name="status"
        label="Status"
        options=${options}
        value=${group}
        onChange=${(key) => setQuery({ status: key === "all" ? null : key })}
      />
      <${CompareButton} chosen=${chosen} />
    </div>
    ${shown.length === 0 && html`<${Empty} title="No job fits these filters" />`}
    ${shown.length > 0 && html`<${JobTable} jobs=${shown.slice(0, limit)} chosen=${chosen} />`}
    ${
      shown.length > limit &&
      html`<button type="button" onClick=${() => setLimit(limit + PAGE)}>
      Show more of ${counted(shown.length, "job")}
    </button>`
    }
  `;
}

// Those that are ticked and still there.
function chosenIds(query, jobs) {
  const ticked = new Set((query.get("compare") ?? "").split(","));
  return jobs.map((job) => job.job_id).filter((id) => ticked.has(id));
}

function CompareButton({ chosen }) {
  const isFit = chosen.length >= FEWEST_COMPARED && chosen.length <= MOST_COMPARED;
  return html`<button
    type="button"
    disabled=${!isFit}
    title=${`Tick ${FEWEST_COMPARED} to ${MOST_COMPARED} jobs in the list`}
    onClick=${() => goTo("compare", ...chosen)}
  >
    ${chosen.length === 0 ? "Compare" : `Compare ${counted(chosen.length, "job")}`}
  </button>`;
}

function JobTable({ jobs, chosen }) {
  return html`<table class="list">
    <thead>
      <tr>
        <th scope="col"><span class="hidden">Compare</span></th>
        <th scope="col">Job</th>
        <th scope="col">Data</th>
        <th scope="col">Model</th>
        <th scope="col">Status</th>
        <th scope="col">Loss</th>
        <th scope="col" class="figure">Devices</th>
      </tr>
    </thead>
    <tbody>
      ${jobs.map((job) => html`<${JobRow} key=${job.job_id} job=${job} chosen=${chosen} />`)}
    </tbody>
  </table>`;
}

function JobRow({ job, chosen }) {
  // The link is what the keyboard reaches; the rest of the row is a larger place to click.
  return html`<tr onClick=${() => goTo("jobs", job.job_id)}>
    <${CompareBox} jobId=${job.job_id} chosen=${chosen} />
    <th scope="row" data-label="Job">
      <a href=${linkTo("jobs", job.job_id)}>Job ${job.job_id}</a>
    </th>
    <td data-label="Data">${dataText(job.dataset_config)}</td>
    <td data-label="Model">${modelText(job.model_config)}</td>
    <td data-label="Status"><${Status} status=${job.status} /></td>
    <td data-label="Loss"><${LossSparkline} jobId=${job.job_id} /></td>
    <td data-label="Devices" class="figure">${job.devices}</td>
  </tr>`;
}

function CompareBox({ jobId, chosen }) {
  const isChosen = chosen.includes(jobId);
  const others = chosen.filter((id) => id !== jobId);
  const toggle = () => setQuery({ compare: [...others, ...(isChosen ? [] : [jobId])].join(",") });
  return html`<td class="choice" onClick=${(event) => event.stopPropagation()}>
    <input
      type="checkbox"
      aria-label=${`Compare job ${jobId}`}
      checked=${isChosen}
      disabled=${!isChosen && chosen.length >= MOST_COMPARED}
      onChange=${toggle}
    />
  </td>`;
}

function textOf(job) {
  const words = [job.job_id, job.status, dataText(job.dataset_config), modelText(job.model_config)];
  return `job ${words.join(" ")}`.toLowerCase();
}
