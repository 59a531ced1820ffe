// The next steps as the devices do them: a lane a device, coloured by what it does.

import { html, useState } from "../app/html.js";
import { call } from "../app/api.js";
import { percent, seconds } from "../app/format.js";
import { lanesOf } from "../app/lanes.js";
import { isActive } from "../app/statuses.js";
import { saveAs } from "./picture.js";
import { Card, Problem, useAction } from "./ui.js";

const STEPS = 2;
const WIDTH = 1000; // of the drawing, in its own units
const LANE_HEIGHT = 34;
const GAP = 10;
const QUIET = "Nothing is recorded until you ask.";
const LATER = "Steps can be looked at while the job trains.";
const KEY = [
  ["forward", "Forward"],
  ["backward", "Backward"],
  ["update", "Update"],
  ["load", "Load"],
  ["snapshot", "Snapshot"],
  ["wire", "Send and receive"],
];

export function Lanes({ job }) {
  const [trace, setTrace] = useState(null);
  const { busy, error, run } = useAction();
  const path = `/api/jobs/${encodeURIComponent(job.job_id)}/trace?steps=${STEPS}`;
  async function look() {
    const found = await run("looking", () => call("GET", path));
    if (found) setTrace(found);
  }
  const canLook = isActive(job);
  const text = trace ? "Look again" : "Look at the next steps";
  return html`<${Card}
    title="A step"
    note="A lane a device. Gaps are the bubble: a device waits for its neighbours."
    actions=${html`
      ${trace && html`<button type="button" class="small" onClick=${() => save(trace, job)}>For Perfetto</button>`}
      ${canLook &&
      html`<button type="button" class="small" disabled=${busy !== null} onClick=${look}>
        ${busy ? "Waiting for a step …" : text}
      </button>`}
    `}
  >
    ${error && html`<${Problem} error=${error} />`}
    ${!trace && !error && html`<p class="note">${canLook ? QUIET : LATER}</p>`}
    ${trace && html`<${Drawing} trace=${trace} />`}
  <//>`;
}

function save(trace, job) {
  const blob = new Blob([JSON.stringify(trace)], { type: "application/json" });
  saveAs(blob, `job-${job.job_id}-trace.json`);
}

function Drawing({ trace }) {
  const { lanes, length } = lanesOf(trace);
  const [over, setOver] = useState(null);
  const bubble = trace.otherData?.bubble;
  const height = lanes.length * (LANE_HEIGHT + GAP);
  return html`
    <div class="lanes">
      <ol class="lane-names" aria-hidden="true">
        ${lanes.map((lane) => html`<li>${lane.name}</li>`)}
      </ol>
      <svg
        viewBox=${`0 0 ${WIDTH} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label=${`${lanes.length} lanes over ${seconds(length / 1e6)}`}
        onMouseLeave=${() => setOver(null)}
      >
        ${lanes.map((lane, row) => html`<${Lane} lane=${lane} row=${row} length=${length} setOver=${setOver} />`)}
      </svg>
    </div>
    <p class="note figure" aria-live="off">
      ${over ? sliceText(over) : `${seconds(length / 1e6)} in all`}
      ${Number.isFinite(bubble) && !over ? `, bubble ${percent(bubble)}` : ""}
    </p>
    <ul class="key">
      ${KEY.map(([kind, text]) => html`<li><span class=${`swatch ${kind}`}></span>${text}</li>`)}
    </ul>
  `;
}

function Lane({ lane, row, length, setOver }) {
  const top = row * (LANE_HEIGHT + GAP);
  const scale = WIDTH / length;
  // Waiting is what a lane shows where nothing lies; messages lie below the work.
  const shown = lane.slices.filter((slice) => slice.kind !== "wait");
  return html`<g>
    <rect class="lane" x="0" y=${top} width=${WIDTH} height=${LANE_HEIGHT} />
    ${shown.map((slice) => {
      const isThin = slice.kind === "wire";
      return html`<rect
        class=${`slice ${slice.kind}`}
        x=${slice.begin * scale}
        y=${isThin ? top + LANE_HEIGHT - 6 : top}
        width=${Math.max(1, (slice.end - slice.begin) * scale)}
        height=${isThin ? 6 : LANE_HEIGHT - 7}
        onMouseEnter=${() => setOver(slice)}
      />`;
    })}
  </g>`;
}

function sliceText(slice) {
  const { step, microbatch } = slice.args;
  const place = [
    step !== undefined && `step ${step}`,
    microbatch !== undefined && `microbatch ${microbatch}`,
  ].filter(Boolean);
  return [slice.name, ...place, seconds((slice.end - slice.begin) / 1e6)].join(", ");
}
