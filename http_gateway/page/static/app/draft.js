// A job as it is being made: what stands in the form, and the requests that it becomes.

import { counted } from "./format.js";
import { textOf, valueOf, valuesOf } from "../parts/fields.js";

export const EMPTY = {
  source: "digits",
  dataset: {},
  way: "layer_sizes",
  layerSizes: "",
  architecture: "",
  config: {},
  layers: "",
  seed: "",
  task: "",
  train: {},
  devices: null, // null: all that are free
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
  const seed = valuesOf({ seed: draft.seed });
  if (draft.way === "layer_sizes") {
    const sizes = draft.layerSizes
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(valueOf);
    return { layer_sizes: sizes, ...seed };
  }
  if (draft.way === "layers") return { layers: valueOf(draft.layers) ?? [], ...seed };
  const config = valuesOf(draft.config);
  const own = Object.keys(config).length ? { config } : {};
  return { architecture: draft.architecture, ...own, ...seed };
}

export function jobRequest(draft, sources) {
  const train = valuesOf(draft.train);
  return {
    model_config: modelConfig(draft),
    dataset_config: datasetConfig(draft, sources),
    ...valuesOf({ task: draft.task }),
    ...(Object.keys(train).length ? { train_config: train } : {}),
  };
}

// What the data suggest, taken into the draft.
export function withSuggestion(draft, suggested) {
  const model = suggested.model_config;
  const texts = (values) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, textOf(value)]));
  const way = model.layer_sizes ? "layer_sizes" : model.layers ? "layers" : "architecture";
  return {
    ...draft,
    way,
    layerSizes: (model.layer_sizes ?? []).join(", "),
    layers: model.layers ? JSON.stringify(model.layers, null, 2) : "",
    architecture: model.architecture ?? "",
    config: texts(model.config ?? {}),
    train: texts(suggested.train_config),
    dataset: { ...draft.dataset, batch_size: String(suggested.batch_size) },
  };
}
