import { html, useEffect, useRef, useState } from "../app/html.js";
import { number } from "../app/format.js";
import { useSeries } from "../app/series.js";

const WIDTH = 120;
const HEIGHT = 28;
const MAX_POINTS = 60;

// The line through the values, scaled into the box; empty without two numbers.
export function sparkPath(values, width = WIDTH, height = HEIGHT) {
  const known = values.filter((value) => Number.isFinite(value));
  if (known.length < 2) return "";
  const low = Math.min(...known);
  const range = Math.max(...known) - low || 1;
  const points = values.flatMap((value, index) => {
    if (!Number.isFinite(value)) return [];
    const x = (index / (values.length - 1)) * width;
    const y = height - 2 - ((value - low) / range) * (height - 4);
    return [`${x.toFixed(1)},${y.toFixed(1)}`];
  });
  return `M${points.join("L")}`;
}

// A job's loss; it is read once its row is in sight, so that a thousand jobs can be listed.
export function LossSparkline({ jobId }) {
  const place = useRef(null);
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        setSeen(true);
        observer.disconnect();
      }
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return html`<span class="sparkline" ref=${place}>
    ${isSeen && html`<${Line} jobId=${jobId} />`}
  </span>`;
}

function Line({ jobId }) {
  const { series } = useSeries(jobId, { names: "loss", maxPoints: MAX_POINTS });
  const values = series?.[0]?.values ?? [];
  if (values.length === 0) return null;
  const last = number(values.at(-1), 3);
  return html`<svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} width=${WIDTH} height=${HEIGHT} aria-hidden="true">
      <path d=${sparkPath(values)} />
    </svg>
    <span class="figure"><span class="hidden">loss </span>${last}</span>`;
}
