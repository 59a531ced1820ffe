import { html, useMemo, useRef } from "../../app/html.js";
import { isMarked, toneOf } from "../../app/kinds.js";
import { useLoaded } from "../../app/loaded.js";
import { route, setQuery } from "../../app/router.js";
import { stepAt, useSeries } from "../../app/series.js";
import { useStore } from "../../app/store.js";
import { Chart } from "../../parts/chart.js";
import { CurveControls, beginOf, curveOptions, linesOf } from "../../parts/curves.js";
import { savePicture } from "../../parts/picture.js";
import { Card, Empty, Loading, Problem } from "../../parts/ui.js";
import { JobCurls } from "../../parts/job_curls.js";
import { useEvents } from "./events.js";

const MOST_JOBS = 4; // beside each other
const USUAL = ["loss", "val_loss"];

export function Curve({ job }) {
  const { query } = useStore(route);
  const own = useSeries(job.job_id);
  const others = otherIds(query, job.job_id);
  // The number of hooks must not change: an absent job is no job.
  const otherSeries = [0, 1, 2].map((i) => useOther(others[i]));
  const events = useEvents(job.job_id);
  const api = useRef(null);
  const { error } = own;
  const series = useMemo(() => own.series?.filter((one) => one.steps.length > 0), [own.series]);
  const names = (series ?? []).map((one) => one.name);
  const options = curveOptions(query, names, USUAL);
  const { isTime } = options;
  const all = [[job.job_id, series ?? []], ...others.map((id, i) => [id, otherSeries[i] ?? []])];
  const lines = useMemo(
    () => linesOf(all, options),
    [series, ...otherSeries, others.join(), JSON.stringify(options)],
  );
  const marks = useMemo(
    () => marksOf(events.data?.events ?? [], series ?? [], isTime),
    [events.data, series, isTime],
  );
  const id = encodeURIComponent(job.job_id);
  return html`
    <${Card}
      title="Curves"
      actions=${
        names.length > 0 &&
        html`
        <a class="button small" href=${`/api/jobs/${id}/metrics?format=csv&max_points=10000`} download=${`job-${id}.csv`}>CSV</a>
        <button type="button" class="small" onClick=${() => savePicture(api.current, lines, `job-${job.job_id}.png`)}>PNG</button>
      `
      }
    >
      ${error && html`<${Problem} error=${error} />`}
      ${!series && !error && html`<${Loading} />`}
      ${series && names.length === 0 && html`<${Empty} title="No step yet">The curve begins with the first step.<//>`}
      ${
        names.length > 0 &&
        html`
        <${CurveControls} options=${options}><${Beside} jobId=${job.job_id} others=${others} /><//>
        <${Chart} lines=${lines} marks=${marks} isLog=${options.isLog} isTime=${isTime} api=${api} />
      `
      }
    <//>
    <${JobCurls} job=${job} paths=${["/metrics?max_points=1000", "/events"]} />
  `;
}

function useOther(jobId) {
  const path = jobId === undefined ? null : `/api/jobs/${encodeURIComponent(jobId)}/metrics?max_points=1000`;
  return useLoaded(path, (entry) => entry.job_id === jobId && entry.kind === "epoch").data?.series;
}

function otherIds(query, own) {
  const ids = (query.get("beside") ?? "").split(",").filter((id) => id && id !== own);
  return [...new Set(ids)].slice(0, MOST_JOBS - 1);
}

function marksOf(events, series, isTime) {
  const loss = series.find((one) => one.name === "loss") ?? series[0];
  if (!loss) return [];
  const begin = beginOf(series);
  return events
    .filter((event) => isMarked(event.kind) && event.at !== null)
    .map((event) => {
      const at = Date.parse(event.at) / 1000;
      return { x: isTime ? at - begin : stepAt(loss, at), text: event.text, tone: toneOf(event.kind) };
    });
}

// Lays other jobs' curves over this one's.
function Beside({ jobId, others }) {
  const { data } = useLoaded("/api/jobs", (entry) => entry.kind === "status");
  const free = (data?.jobs ?? [])
    .map((job) => job.job_id)
    .filter((id) => id !== jobId && !others.includes(id));
  const choose = (ids) => setQuery({ beside: ids.join(",") || null });
  return html`
    ${others.map(
      (
        id,
      ) => html`<button type="button" class="small" onClick=${() => choose(others.filter((one) => one !== id))} aria-label=${`Take job ${id} away`}>
        job ${id} ×
      </button>`,
    )}
    ${
      free.length > 0 &&
      others.length < MOST_JOBS - 1 &&
      html`<label class="inline">
      <span class="hidden">Compare with</span>
      <select value="" onChange=${(event) => choose([...others, event.target.value])}>
        <option value="">Compare with …</option>
        ${free.map((id) => html`<option key=${id} value=${id}>job ${id}</option>`)}
      </select>
    </label>`
    }
  `;
}
