// Jobs side by side: in what they differ, what they reached, how fast they were, and their curves.

import { html, useMemo, useRef } from "../app/html.js";
import { metricLabel, metricText, number, seconds } from "../app/format.js";
import { useLoaded } from "../app/loaded.js";
import { linkTo, route } from "../app/router.js";
import { useSeries } from "../app/series.js";
import { useStore } from "../app/store.js";
import { Chart } from "../parts/chart.js";
import { CurveControls, curveOptions, linesOf } from "../parts/curves.js";
import { savePicture } from "../parts/picture.js";
import { Card, Curls, Empty, Loaded, Loading, Problem, Scroll, Status } from "../parts/ui.js";
import { layersText } from "./job/plan.js";

export const FEWEST_COMPARED = 2;
export const MOST_COMPARED = 10;
const MOST_CHARACTERS = 160; // of a value; the whole of it is under the pointer
const USUAL = ["loss"];
const NO_MARKS = [];
const NEWS = new Set(["status", "epoch", "plan"]);

export function Compare({ parts }) {
  const ids = [...new Set(parts.slice(1))];
  const isFit = ids.length >= FEWEST_COMPARED && ids.length <= MOST_COMPARED;
  return html`
    <div class="view-head">
      <h1>${isFit ? `Jobs ${listed(ids)}` : "Compare jobs"}</h1>
      <a class="button" href=${linkTo("jobs")}>All jobs</a>
    </div>
    ${isFit && html`<${Compared} key=${ids.join("/")} ids=${ids} />`}
    ${
      !isFit &&
      html`<${Empty} title=${`Choose ${FEWEST_COMPARED} to ${MOST_COMPARED} jobs`}>
      The list of jobs has a box for each.
    <//>`
    }
  `;
}

function Compared({ ids }) {
  const path = `/api/compare?jobs=${ids.map(encodeURIComponent).join(",")}`;
  const compared = useLoaded(path, (entry) => ids.includes(entry.job_id) && NEWS.has(entry.kind));
  return html`
    <${Loaded} of=${compared} what="Comparing the jobs">
      ${(data) => html`
        <${Differences} jobs=${data.jobs} differences=${data.differences} />
        <${Results} jobs=${data.jobs} results=${data.results} />
        <${Curves} ids=${data.jobs} />
      `}
    <//>
    <${Curls} calls=${[[path]]} />
  `;
}

function Differences({ jobs, differences }) {
  const fields = Object.entries(differences);
  return html`<${Card} title="What differs" note="Fields of their configurations.">
    ${fields.length === 0 && html`<p role="status">They are configured alike.</p>`}
    ${
      fields.length > 0 &&
      html`<${JobsTable} label="What differs" jobs=${jobs}>
      ${fields.map(
        ([name, values]) => html`<tr key=${name}>
          <th scope="row"><code>${name}</code></th>
          ${jobs.map((id) => html`<td class="value">${id in values ? html`<${Value} of=${values[id]} />` : "–"}</td>`)}
        </tr>`,
      )}
    <//>`
    }
  <//>`;
}

function Value({ of: value }) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (text.length <= MOST_CHARACTERS) return text;
  return html`<span title=${text}>${text.slice(0, MOST_CHARACTERS)}…</span>`;
}

function Results({ jobs, results }) {
  const metrics = [...new Set(jobs.flatMap((id) => Object.keys(results[id].metrics)))];
  const row = (title, shown) => html`<tr key=${title}>
    <th scope="row">${title}</th>
    ${jobs.map((id) => html`<td class="figure">${shown(results[id])}</td>`)}
  </tr>`;
  return html`<${Card} title="What came of it" note="Metrics are those of the last epoch.">
    <${JobsTable} label="What came of it" jobs=${jobs} isFigures=${true}>
      ${row("Status", (one) => html`<${Status} status=${one.status} />`)}
      ${row("Epochs", (one) => one.epochs.toLocaleString("en"))}
      ${metrics.map((name) => row(labelOf(name), (one) => metricText(name, one.metrics[name])))}
      ${row("Samples/s", (one) => number(one.samples_per_s, 3))}
      ${row("Step", (one) => seconds(one.step_ms === null ? null : one.step_ms / 1000))}
      ${row("Devices", (one) => one.layers.length)}
      ${row("Layers of each", (one) => one.layers.map(([start, end]) => layersText(start, end)).join("; ") || "–")}
    <//>
  <//>`;
}

function labelOf(name) {
  return metricLabel(name.replace(/^val_/, "validation_"));
}

function JobsTable({ label, jobs, isFigures = false, children }) {
  return html`<${Scroll} label=${label}>
    <table class="compared">
      <thead>
        <tr>
          <td></td>
          ${jobs.map(
            (id) => html`<th scope="col" class=${isFigures ? "figure" : ""}>
              <a href=${linkTo("jobs", id)}>job ${id}</a>
            </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${children}
      </tbody>
    </table>
  <//>`;
}

// The number of jobs stays the same as long as this is shown, and so does that of its hooks.
function Curves({ ids }) {
  const { query } = useStore(route);
  const found = ids.map((id) => useSeries(id));
  const api = useRef(null);
  const jobs = ids.map((id, i) => [id, (found[i].series ?? []).filter((one) => one.steps.length > 0)]);
  const names = [...new Set(jobs.flatMap(([, series]) => series.map((one) => one.name)))];
  const options = curveOptions(query, names, USUAL);
  const lines = useMemo(
    () => linesOf(jobs, options),
    [...found.map(({ series }) => series), JSON.stringify(options)],
  );
  const failed = found.find(({ error }) => error !== null);
  const isWaiting = !failed && found.some(({ series }) => series === undefined);
  const picture = () => savePicture(api.current, lines, `jobs-${ids.join("-")}.png`);
  return html`<${Card}
    title="Curves"
    actions=${names.length > 0 && html`<button type="button" class="small" onClick=${picture}>PNG</button>`}
  >
    ${failed && html`<${Problem} error=${failed.error} />`}
    ${isWaiting && html`<${Loading} what="Loading the curves" />`}
    ${
      names.length === 0 &&
      !isWaiting &&
      !failed &&
      html`<${Empty} title="No step yet">None of these jobs has trained.<//>`
    }
    ${
      names.length > 0 &&
      html`
      <${CurveControls} options=${options} />
      <${Chart} lines=${lines} marks=${NO_MARKS} isLog=${options.isLog} isTime=${options.isTime} api=${api} />
    `
    }
  <//>`;
}

function listed(ids) {
  return `${ids.slice(0, -1).join(", ")} and ${ids.at(-1)}`;
}
