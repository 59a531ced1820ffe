// Curves of one job or of several: which are shown and how, as the address says, and the controls.

import { html } from "../app/html.js";
import { setQuery } from "../app/router.js";
import { smoothed } from "../app/series.js";
import { Segmented } from "./ui.js";

const FEW_POINTS = 50; // are not smoothed: each is worth seeing
const SMOOTHINGS = [0, 0.5, 0.9, 0.97, 0.99];

// {names, chosen, isTime, isLog, smoothing}, `names` being all that there are; the `usual` ones are
// chosen until the address says otherwise.
export function curveOptions(query, names, usual) {
  const asked = query
    .get("show")
    ?.split(",")
    .filter((name) => names.includes(name));
  const known = names.filter((name) => usual.includes(name));
  const otherwise = known.length ? known : names.slice(0, 1);
  return {
    names,
    chosen: asked?.length ? asked : otherwise,
    isTime: query.get("x") === "time",
    isLog: query.get("log") === "1",
    smoothing: Number(query.get("smooth") ?? 0),
  };
}

// What a chart draws. jobs: [[id, series]]. A colour a job where several are shown, else a colour a
// curve; dashes tell curves apart.
export function linesOf(jobs, { chosen, isTime, smoothing }) {
  const isMany = jobs.length > 1;
  const weight = SMOOTHINGS[smoothing] ?? 0;
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
export function beginOf(series) {
  const firsts = series.map((one) => one.at.find((at) => at !== null)).filter((at) => at !== undefined);
  return Math.min(...firsts);
}

function timed({ at, values }, begin) {
  const known = at.map((_, i) => i).filter((i) => at[i] !== null);
  return { x: known.map((i) => at[i] - begin), y: known.map((i) => values[i]) };
}

export function CurveControls({ options, children }) {
  const { names, chosen, isTime, isLog, smoothing } = options;
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
      <input type="checkbox" checked=${isLog} onChange=${(event) => setQuery({ log: event.target.checked ? "1" : null })} />
      Log scale
    </label>
    <label class="inline">
      Smoothing
      <input
        type="range"
        min="0"
        max=${SMOOTHINGS.length - 1}
        step="1"
        value=${String(smoothing)}
        onInput=${(event) => setQuery({ smooth: event.target.value === "0" ? null : event.target.value })}
      />
    </label>
    ${children}
  </div>`;
}

function toggled(chosen, name, names) {
  const next = chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name];
  return next.length ? names.filter((one) => next.includes(one)).join(",") : name;
}
