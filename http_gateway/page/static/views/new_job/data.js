import { html, useMemo, useState } from "../../app/html.js";
import { call } from "../../app/api.js";
import { datasetConfig, withData, withSuggestion } from "../../app/draft.js";
import { counted } from "../../app/format.js";
import { Fields, Further, OptionGroup, ofKind, split } from "../../parts/fields.js";
import { Card, Problem, useAction } from "../../parts/ui.js";
import { Upload } from "./upload.js";

const BATCHES = {
  batch_size: { says: "samples a step", default: 256 },
  val_batch_size: { says: "samples of a validation at a time", default: 1000 },
  shuffle: { says: "true or false", default: true },
};
const GONE = { about: "This data set is not there any more: choose another one.", fields: {} };

export function DataPart({ draft, setDraft, sources, datasets, maxBytes, onAdded }) {
  const [seen, setSeen] = useState(null); // what the gateway understood of the data
  const source = sources.find((one) => one.name === draft.source) ?? GONE;
  const own = Object.fromEntries(Object.entries(source.fields).map(([name, field]) => [name, ofKind(field)]));
  const begun = useMemo(() => Object.keys(draft.dataset), [draft.source]); // a field must not move while one types
  const [first, further] = split(own, (name, field) => field.required || begun.includes(name));
  const { batch_size: batchSize, ...others } = BATCHES;
  const set = (dataset) => setDraft((before) => withData(before, before.source, dataset));
  function choose(name, understood = null) {
    setDraft((before) => withData(before, name, {}));
    setSeen(understood);
  }
  function uploaded(dataset, understood) {
    onAdded(dataset);
    choose(dataset.name, understood);
  }
  return html`<${Card} title="Data" note=${source.about}>
    <label class="field wide-field">
      <span>Source</span>
      <select value=${draft.source} onChange=${(event) => choose(event.target.value)}>
        ${source === GONE && html`<option value=${draft.source} disabled>${draft.source}</option>`}
        <${OptionGroup} label="Known by name" names=${namesOf(sources, (one) => one.asked_by === "name" && !one.is_uploaded)} />
        <${OptionGroup} label="Uploaded" names=${namesOf(sources, (one) => one.is_uploaded)} />
        <${OptionGroup} label="Your own files" names=${namesOf(sources, (one) => one.asked_by === "format")} />
      </select>
    </label>
    <${Upload}
      formats=${sources.filter((one) => one.asked_by === "format")}
      taken=${namesOf(datasets, (one) => one.is_uploaded)}
      maxBytes=${maxBytes}
      onUploaded=${uploaded}
    />
    <${Fields} fields=${{ ...first, batch_size: batchSize }} texts=${draft.dataset} onChange=${set} />
    <${Further} fields=${{ ...further, ...others }} texts=${draft.dataset} onChange=${set} />
    <${LookAtData} draft=${draft} setDraft=${setDraft} sources=${sources} seen=${seen} setSeen=${setSeen} />
  <//>`;
}

function namesOf(list, isWanted) {
  return list.filter(isWanted).map((one) => one.name);
}

function LookAtData({ draft, setDraft, sources, seen, setSeen }) {
  const { busy, error, run } = useAction();
  async function look() {
    const body = { dataset_config: datasetConfig(draft, sources) };
    setSeen((await run("looking", () => call("POST", "/api/datasets/inspect", body))) ?? null);
  }
  return html`
    <div class="actions">
      <button type="button" disabled=${busy !== null} onClick=${look}>${busy ? "Reading all of it …" : "Look at the data"}</button>
      ${
        seen &&
        html`<button type="button" onClick=${() => setDraft((before) => withSuggestion(before, seen.suggested))}>
        Take the model that fits
      </button>`
      }
    </div>
    ${error && html`<${Problem} error=${error} />`}
    ${seen && html`<p class="seen" role="status">${seenText(seen)}</p>`}
  `;
}

function seenText(seen) {
  const parts = [
    `${counted(seen.num_train, "sample")} to train on, ${counted(seen.num_val, "sample")} to validate with`,
    `a sample is ${seen.inputs.shape.join(" × ")} ${seen.inputs.kind}`,
  ];
  if (seen.num_classes !== null) parts.push(`${counted(seen.num_classes, "class", "es")}${namesText(seen.classes)}`);
  if (seen.num_columns) parts.push(counted(seen.num_columns, "column"));
  if (seen.num_skipped)
    parts.push(
      `${counted(seen.num_skipped, "file")} skipped, such as ${seen.skipped[0].place}: ${seen.skipped[0].reason}`,
    );
  return `${parts.join("; ")}.`;
}

function namesText(classes) {
  const names = classes.slice(0, 10).map((one) => one.name);
  return names.length ? `: ${names.join(", ")}${classes.length > names.length ? ", …" : ""}` : "";
}
