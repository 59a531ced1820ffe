// A job as it is being made: what stands in the form, and the requests that it becomes.

import { counted } from "./format.js";
import { textFor, textsFor, valueOf, valuesOf } from "../parts/fields.js";

// Fields are texts by name.
export const EMPTY = {
  source: "digits",
  dataset: {},
  way: "layer_sizes",
  layerSizes: "",
  architecture: "",
  config: {},
  layers: "",
  details: {}, // task, seed and initial_weights
  failurePolicy: {},
  checkpoints: {},
  train: {},
  devices: null, // keys; null: all that are free
};

// Each trains at once, the last two with files of the user's own.
export const EXAMPLES = [
  {
    key: "digits",
    title: "Digits",
    about: "1,797 handwritten digits come with Tandem. A small network reads them after half a minute.",
    draft: {
      ...EMPTY,
      dataset: { resize: "[28, 28]", batch_size: "64" },
      layerSizes: "784, 128, 64, 10",
      train: { epochs: "30", learning_rate: "0.1" },
    },
  },
  {
    key: "images",
    title: "Your own images",
    about: "A folder on the gateway's machine, with a folder for each class in it.",
    draft: {
      ...EMPTY,
      source: "image_folder",
      dataset: { path: "", batch_size: "64" },
      way: "architecture",
      architecture: "cnn",
      train: { epochs: "3", optimizer: "AdamW", learning_rate: "0.002" },
    },
  },
  {
    key: "text",
    title: "A text",
    about: "A small GPT learns the characters of a text file on the gateway's machine.",
    draft: {
      ...EMPTY,
      source: "text",
      dataset: { path: "", context: "64", batch_size: "12", val_batch_size: "100" },
      way: "architecture",
      architecture: "gpt",
      config: { embed_dim: "128", depth: "4", num_heads: "4" },
      train: { max_steps: "2000", optimizer: "AdamW", learning_rate: "0.001", clip_grad_norm: "1.0" },
    },
  },
];

// The sources, and behind them the uploads by their names. An upload takes the fields of its format,
// but the path: that is known.
export function withUploads(sources, datasets) {
  const uploads = datasets.filter((one) => one.is_uploaded);
  return [...sources, ...uploads.map((one) => asSource(one, sources))];
}

function asSource({ name, format, num_train: count }, sources) {
  const fields = { ...sources.find((source) => source.name === format)?.fields };
  delete fields.path;
  const about = `uploaded as ${format}, ${counted(count, "sample")} to train on`;
  return { name, asked_by: "name", is_uploaded: true, about, fields };
}

export function datasetConfig(draft, sources) {
  const source = sources.find((one) => one.name === draft.source);
  return { [source?.asked_by ?? "name"]: draft.source, ...valuesOf(draft.dataset) };
}

export function modelConfig(draft) {
  const { seed, initial_weights: weights } = draft.details;
  return { ...blocksOf(draft), ...valuesOf({ seed: seed ?? "", initial_weights: weights ?? "" }) };
}

function blocksOf(draft) {
  if (draft.way === "layer_sizes") {
    const sizes = draft.layerSizes
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(valueOf);
    return { layer_sizes: sizes };
  }
  if (draft.way === "layers") return { layers: valueOf(draft.layers) ?? [] };
  const config = valuesOf(draft.config);
  return { architecture: draft.architecture, ...(Object.keys(config).length ? { config } : {}) };
}

export function jobRequest(draft, sources) {
  const sections = {
    train_config: valuesOf(draft.train),
    failure_policy: valuesOf(draft.failurePolicy),
    checkpoints: valuesOf(draft.checkpoints),
  };
  const given = Object.entries(sections).filter(([, values]) => Object.keys(values).length > 0);
  return {
    model_config: modelConfig(draft),
    dataset_config: datasetConfig(draft, sources),
    ...valuesOf({ task: draft.details.task ?? "" }),
    ...Object.fromEntries(given),
  };
}

// What the data suggest, taken into the draft.
export function withSuggestion(draft, suggested) {
  return {
    ...draft,
    ...blocksIn(suggested.model_config),
    details: { ...draft.details, task: "" },
    train: textsFor(suggested.train_config),
    dataset: { ...draft.dataset, batch_size: String(suggested.batch_size) },
  };
}

const TARGETS = ["target", "target_type"];

// Other data are for something else, and the gateway knows for what.
export function withData(draft, source, dataset) {
  const isOther = source !== draft.source || TARGETS.some((name) => dataset[name] !== draft.dataset[name]);
  const details = isOther ? { ...draft.details, task: "" } : draft.details;
  return { ...draft, source, dataset, details };
}

// The draft of a job that does again what another one did in its last session. `policies` has the
// fields of both policies, `devices` are those that there are.
export function draftLike(job, policies, devices) {
  const { name, format, ...dataset } = job.dataset_config;
  const { seed, initial_weights: given } = job.model_config;
  // What it began with, whatever has become of the file or the job that this came from.
  const alike = { job: job.job_id, checkpoint: "initial", ...(given?.new && { new: given.new }) };
  const weights = given && job.status !== "broken" ? alike : given;
  const there = new Set(devices.filter((one) => one.status !== "gone").map(deviceKey));
  const own = job.registered_devices.map(deviceKey).filter((key) => there.has(key));
  return {
    ...EMPTY,
    source: name ?? format,
    dataset: textsFor(dataset),
    ...blocksIn(job.model_config),
    details: textsFor({ task: job.task, seed, initial_weights: weights }),
    failurePolicy: unusual(job.failure_policy, policies.failurePolicy),
    checkpoints: unusual(job.checkpoints, policies.checkpoints),
    train: textsFor(job.plan?.train_config ?? job.train_config),
    devices: own.length ? own : null,
  };
}

export function deviceKey({ ip, port }) {
  return `${ip}:${port}`;
}

function blocksIn(model) {
  return {
    way: model.layer_sizes ? "layer_sizes" : model.layers ? "layers" : "architecture",
    layerSizes: (model.layer_sizes ?? []).join(", "),
    layers: model.layers ? JSON.stringify(model.layers, null, 2) : "",
    architecture: model.architecture ?? "",
    config: textsFor(model.config),
  };
}

// Texts of what is not the default; in a policy null has a meaning of its own.
function unusual(values, fields) {
  const given = Object.entries(values ?? {}).filter(([name, value]) => value !== fields[name]?.default);
  return Object.fromEntries(given.map(([name, value]) => [name, textFor(value)]));
}
