// What the devices of a pipeline do and send, from their figures in a job's answer.

// Shares of a device's time in training: [{name, tone, share}], and the seconds of all together.
const SECONDS = [
  ["computing_s", "Computing", "computing"],
  ["updating_s", "Updating", "updating"],
  ["loading_s", "Loading", "loading"],
  ["snapshots_s", "Snapshots", "snapshots"],
  ["wire_s", "On the wire", "wire"],
  ["waiting_s", "Waiting", "waiting"],
];

export function sharesOf(stats) {
  const known = SECONDS.filter(([key]) => Number.isFinite(stats[key]));
  const total = known.reduce((sum, [key]) => sum + stats[key], 0);
  const parts = known.map(([key, name, tone]) => ({ name, tone, share: total ? stats[key] / total : 0 }));
  return { parts, total };
}

// The part of its time in which a device works; 0 to 1.
export function busyShare(stats) {
  const { parts } = sharesOf(stats);
  const idle = new Set(["waiting", "wire"]);
  return parts.filter((part) => !idle.has(part.tone)).reduce((sum, part) => sum + part.share, 0);
}

// The device that the others wait for. null where there is only one, where nothing is known, or
// where even the busiest waits most of its time: then the messages take it.
export function bottleneck(stages, stats) {
  const known = stages.filter((stage) => stats[stage.id] && sharesOf(stats[stage.id]).total > 0);
  if (known.length < 2) return null;
  const busy = (stage) => busyShare(stats[stage.id]);
  const busiest = known.reduce((a, b) => (busy(b) > busy(a) ? b : a));
  return busy(busiest) > 0.5 ? busiest.id : null;
}

// Stages in the order of their layers: [{id, start, end}].
export function stagesOf(layers) {
  return Object.entries(layers)
    .map(([id, [start, end]]) => ({ id, start, end }))
    .sort((a, b) => a.start - b.start);
}

// Bytes per second forward and back between each stage and the next. What a stage sends is what
// it sends forward and what it sends back, so the first stage's figures give the next one's.
export function linkRates(stages, stats) {
  const rates = [];
  let sentBack = 0; // by the stage, to the one before
  let gotForward = 0;
  for (const stage of stages.slice(0, -1)) {
    const own = stats[stage.id];
    if (!Number.isFinite(own?.bytes_sent) || !Number.isFinite(own?.bytes_received)) return [];
    const { total } = sharesOf(own);
    const forward = Math.max(0, own.bytes_sent - sentBack);
    const back = Math.max(0, own.bytes_received - gotForward);
    rates.push({ forward: total ? forward / total : 0, back: total ? back / total : 0 });
    sentBack = back;
    gotForward = forward;
  }
  return rates;
}

// Layers without weights belong to the block before them.
const WITHOUT_WEIGHTS =
  /^(\w*ReLU\w*|GELU|SiLU|ELU|Tanh|Sigmoid|Hardswish|Softmax|Dropout\w*|Flatten|Unflatten|Identity|\w*Pool\w*)$/;

// A name for each of the model's blocks; their numbers where the model doesn't tell their kinds.
export function blockNames(model, count) {
  const names = model?.layer_sizes ? linearNames(model.layer_sizes) : layerNames(model?.layers ?? []);
  if (names.length === count) return names;
  return Array.from({ length: count }, (_, i) => `Block ${i + 1}`);
}

function linearNames(sizes) {
  return sizes.slice(1).map((size, i) => `Linear ${sizes[i]} → ${size}`);
}

function layerNames(layers) {
  return layers.map((layer) => layer.type).filter((type) => !WITHOUT_WEIGHTS.test(type));
}
