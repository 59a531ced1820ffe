// Curves on a canvas by uPlot, with a legend that shows the values under the pointer.

import { html, useEffect, useMemo, useRef, useState } from "../app/html.js";
import uPlot from "../vendor/uplot.js";
import { number, seconds } from "../app/format.js";
import { useStore } from "../app/store.js";
import { colour, theme } from "../app/theme.js";

const HEIGHT = 340;
const FAINT = "40"; // the alpha of a curve behind its smoothed one
const PALETTE_SIZE = 10;

// lines: [{key, label, x, y, colour, faint, dashed}], x growing; marks: [{x, text, tone}].
// `api` is a ref that gets uPlot's own object.
export function Chart({ lines, marks, isLog, isTime, api }) {
  const place = useRef(null);
  const shownMarks = useRef(marks);
  const [index, setIndex] = useState(null);
  const shownTheme = useStore(theme);
  const data = useMemo(() => aligned(lines, isLog), [lines, isLog]);
  const shape = JSON.stringify([lines.map((line) => [line.key, line.colour]), isLog, isTime, shownTheme]);
  shownMarks.current = marks;
  useEffect(() => {
    const box = place.current;
    const size = () => ({ width: box.clientWidth, height: HEIGHT });
    const options = optionsOf(lines, isLog, isTime, shownMarks, setIndex);
    const plot = new uPlot({ ...options, ...size() }, data, box);
    api.current = plot;
    const observer = new ResizeObserver(() => plot.setSize(size()));
    observer.observe(box);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [shape]);
  useEffect(() => {
    const plot = api.current;
    if (plot.data !== data) plot.setData(data, !isZoomed(plot));
  }, [data]);
  useEffect(() => api.current.redraw(false), [marks]);
  return html`
    <div
      class="chart"
      ref=${place}
      tabindex="0"
      role="img"
      aria-label=${`Curves of ${lines.map((line) => line.label).join(", ")}; arrow keys move along them`}
      onKeyDown=${(event) => moveCursor(event, api.current)}
    ></div>
    <${Legend} lines=${lines} data=${data} index=${index} isTime=${isTime} marks=${marks} />
  `;
}

// New points must not undo a zoom.
function isZoomed({ data, scales }) {
  const x = data[0];
  return x.length > 1 && (scales.x.min > x[0] || scales.x.max < x.at(-1));
}

// One row of x for all, with null where a line has no point.
function aligned(lines, isLog) {
  if (lines.length === 0) return [[], []];
  const tables = lines.map((line) => [line.x, isLog ? line.y.map((y) => (y > 0 ? y : null)) : line.y]);
  return tables.length === 1 ? tables[0] : uPlot.join(tables);
}

export function lineColour(position) {
  return colour(`line-${(position % PALETTE_SIZE) + 1}`);
}

function optionsOf(lines, isLog, isTime, marks, setIndex) {
  const text = colour("muted");
  const grid = { stroke: colour("border"), width: 1 };
  const axis = { stroke: text, grid, ticks: grid, font: "12px system-ui, sans-serif" };
  const xValues = isTime
    ? (_, splits) => splits.map((value) => seconds(value))
    : (_, splits) => splits.map((value) => (Number.isInteger(value) ? value.toLocaleString("en") : ""));
  return {
    scales: { x: { time: false }, y: isLog ? { distr: 3 } : {} },
    axes: [
      { ...axis, size: 34, values: xValues },
      {
        ...axis,
        size: 64,
        values: (_, splits) => splits.map((value) => (value === null ? "" : number(value, 3))),
      },
    ],
    series: [{}, ...lines.map((line) => seriesOf(line))],
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    hooks: {
      setCursor: [(plot) => setIndex(plot.cursor.idx ?? null)],
      draw: [(plot) => drawMarks(plot, marks.current)],
    },
  };
}

function seriesOf(line) {
  const stroke = lineColour(line.colour);
  return {
    label: line.label,
    stroke: line.faint ? stroke + FAINT : stroke,
    width: line.faint ? 1 : 2,
    dash: line.dashed ? [6, 4] : undefined,
    spanGaps: true,
    points: { show: line.x.length < 3 },
  };
}

function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  for (const mark of marks) {
    const x = Math.round(plot.valToPos(mark.x, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = colour(mark.tone);
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.beginPath();
    ctx.arc(x, bbox.top + 5 * devicePixelRatio, 4 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.restore();
}

function moveCursor(event, plot) {
  const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const [x] = plot.data;
  if (!way || x.length === 0) return;
  event.preventDefault();
  const index = Math.min(x.length - 1, Math.max(0, (plot.cursor.idx ?? x.length) + way));
  plot.setCursor({ left: plot.valToPos(x[index], "x"), top: 0 });
}

function Legend({ lines, data, index, isTime, marks }) {
  const x = index === null ? data[0].at(-1) : data[0][index];
  const at = x === undefined ? "" : isTime ? seconds(x) : `step ${Math.round(x).toLocaleString("en")}`;
  const near = index === null ? [] : nearMarks(marks, data[0], index);
  return html`<div class="legend" aria-live="off">
    <span class="figure at">${at}</span>
    ${lines.map(
      (line, position) =>
        !line.faint &&
        html`<span class="legend-item">
          <svg width="18" height="4" aria-hidden="true">
            <line x1="0" y1="2" x2="18" y2="2" class=${`stroke-line-${(line.colour % PALETTE_SIZE) + 1}`} stroke-dasharray=${line.dashed ? "6 4" : "none"} />
          </svg>
          ${line.label} <b class="figure">${number(valueAt(data[position + 1], index), 4)}</b>
        </span>`,
    )}
    ${near.map((mark) => html`<span class=${`chip ${mark.tone}`}>${mark.text}</span>`)}
  </div>`;
}

// The value there, or the last one before it.
function valueAt(values, index) {
  for (let i = index ?? values.length - 1; i >= 0; i -= 1) {
    if (values[i] !== null && values[i] !== undefined) return values[i];
  }
  return null;
}

// Those within a hundredth of what is shown.
function nearMarks(marks, x, index) {
  const reach = (x.at(-1) - x[0]) / 100;
  return marks.filter((mark) => Math.abs(mark.x - x[index]) <= reach);
}
