// Figures as people read them. What is not there is a dash.

const NONE = "–";
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const DECIMAL_UNITS = ["B/s", "KB/s", "MB/s", "GB/s"];

export function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2);
  return Number(
    value.toPrecision(Math.max(digits, size >= 1 ? String(Math.trunc(size)).length : 1)),
  ).toLocaleString("en", { maximumSignificantDigits: Math.max(digits, 7) });
}

export function bytes(value) {
  return scaled(value, 1024, UNITS);
}

export function bytesPerSecond(value) {
  return scaled(value, 1000, DECIMAL_UNITS);
}

function scaled(value, base, units) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  let size = value;
  let unit = 0;
  while (size >= base && unit < units.length - 1) {
    size /= base;
    unit += 1;
  }
  return `${number(size, 3)} ${units[unit]}`;
}

export function seconds(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  if (value < 1e-3) return `${number(value * 1e6, 3)} µs`;
  if (value < 1) return `${number(value * 1e3, 3)} ms`;
  if (value < 100) return `${number(value, 3)} s`;
  const minutes = Math.round(value / 60);
  return minutes < 100 ? `${minutes} min` : `${number(value / 3600, 3)} h`;
}

export function percent(share) {
  if (share === null || share === undefined || !Number.isFinite(share)) return NONE;
  return `${number(share * 100, 3)} %`;
}

export function moment(iso) {
  if (!iso) return NONE;
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  const time = at.toLocaleTimeString([], { hour12: false });
  return isToday ? time : `${at.toLocaleDateString()} ${time}`;
}

export function counted(count, noun, ending = "s") {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : ending}`;
}

export function modelText(model = {}) {
  if (model.layer_sizes) return `MLP ${model.layer_sizes.join("–")}`;
  if (model.architecture) return model.architecture;
  return model.layers ? counted(model.layers.length, "layer") : NONE;
}

export function dataText(dataset = {}) {
  const name = dataset.name ?? dataset.format ?? NONE;
  return dataset.path ? `${name} · ${dataset.path}` : name;
}

export function metricLabel(name) {
  return name.replaceAll("_", " ");
}

// Shares of what is right as per cent.
export function metricText(name, value) {
  return name.endsWith("accuracy") ? percent(value) : number(value);
}
