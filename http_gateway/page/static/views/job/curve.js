import { html, useMemo, useRef } from "../../app/html.js";
import { isMarked, toneOf } from "../../app/kinds.js";
import { useLoaded } from "../../app/loaded.js";
import { route, setQuery } from "../../app/router.js";
import { smoothed, stepAt, useSeries } from "../../app/series.js";
import { useStore } from "../../app/store.js";
import { Chart } from "../../parts/chart.js";
import { savePicture } from "../../parts/picture.js";
import { Card, Empty, Loading, Problem, Segmented } from "../../parts/ui.js";
import { JobCurls } from "../../parts/job_curls.js";
import { useEvents } from "./events.js";

const MOST_JOBS = 4; // beside each other
const FEW_POINTS = 50; // are not smoothed: each is worth seeing
const SMOOTHINGS = [0, 0.5, 0.9, 0.97, 0.99];

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
  const chosen = chosenNames(query, names);
  const isTime = query.get("x") === "time";
  const weight = SMOOTHINGS[Number(query.get("smooth") ?? 0)] ?? 0;
  const all = [[job.job_id, series ?? []], ...others.map((id, i) => [id, otherSeries[i] ?? []])];
  const lines = useMemo(
    () => linesOf(all, chosen, isTime, weight),
    [series, ...otherSeries, others.join(), chosen.join(), isTime, weight],
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
        <${Controls} names=${names} chosen=${chosen} query=${query} isTime=${isTime} jobId=${job.job_id} others=${others} />
        <${Chart} lines=${lines} marks=${marks} isLog=${query.get("log") === "1"} isTime=${isTime} api=${api} />
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

function chosenNames(query, names) {
  const asked = query
    .get("show")
    ?.split(",")
    .filter((name) => names.includes(name));
  if (asked?.length) return asked;
  const losses = names.filter((name) => name === "loss" || name === "val_loss");
  return losses.length ? losses : names.slice(0, 1);
}

// A colour a job where several are shown, else a colour a curve; dashes tell curves apart.
function linesOf(jobs, chosen, isTime, weight) {
  const isMany = jobs.length > 1;
  return jobs.flatMap(([jobId, series], jobIndex) => {
    const begin = beginOf(series);
    return chosen.flatMap((name, nameIndex) => {
      const found = series.find((one) => one.name === name);
      if (!found) return [];
      const points = isTime ? timed(found, begin) : { x: found.steps, y: found.values };
      const line = {
        label: isMany ? `job ${jobId} ${name}` : name,
        colour: isMany ? jobIndex : nameIndex,
        dashed: isMany && nameIndex > 0,
        x: points.x,
      };
      const key = `${jobId} ${name}`;
      if (weight === 0 || points.y.length < FEW_POINTS) return [{ ...line, key, y: points.y }];
      return [
        { ...line, key: `${key} as measured`, y: points.y, faint: true },
        { ...line, key, y: smoothed(points.y, weight) },
      ];
    });
  });
}

// Seconds since 1970 of the first point of all. Earlier versions noted no times.
function beginOf(series) {
  const firsts = series.map((one) => one.at.find((at) => at !== null)).filter((at) => at !== undefined);
  return Math.min(...firsts);
}

function timed({ at, values }, begin) {
  const known = at.map((_, i) => i).filter((i) => at[i] !== null);
  return { x: known.map((i) => at[i] - begin), y: known.map((i) => values[i]) };
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

function Controls({ names, chosen, query, isTime, jobId, others }) {
  return html`<div class="controls">
    <fieldset class="checks">
      <legend class="hidden">Curves</legend>
      ${names.map(
        (name) => html`<label>
          <input type="checkbox" checked=${chosen.includes(name)} onChange=${() => setQuery({ show: toggled(chosen, name, names) })} />
          ${name}
        </label>`,
      )}
    </fieldset>
    <${Segmented}
      name="x-axis"
      label="Along"
      options=${[
        ["step", "Step"],
        ["time", "Time"],
      ]}
      value=${isTime ? "time" : "step"}
      onChange=${(x) => setQuery({ x: x === "time" ? x : null })}
    />
    <label class="inline">
      <input type="checkbox" checked=${query.get("log") === "1"} onChange=${(event) => setQuery({ log: event.target.checked ? "1" : null })} />
      Log scale
    </label>
    <label class="inline">
      Smoothing
      <input
        type="range"
        min="0"
        max=${SMOOTHINGS.length - 1}
        step="1"
        value=${query.get("smooth") ?? "0"}
        onInput=${(event) => setQuery({ smooth: event.target.value === "0" ? null : event.target.value })}
      />
    </label>
    <${Beside} jobId=${jobId} others=${others} />
  </div>`;
}

function toggled(chosen, name, names) {
  const next = chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name];
  return next.length ? names.filter((one) => next.includes(one)).join(",") : name;
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
