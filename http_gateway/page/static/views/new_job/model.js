import { html } from "../../app/html.js";
import { Fields, ofKind } from "../../parts/fields.js";
import { Card, Segmented } from "../../parts/ui.js";

const WAYS = [
  ["layer_sizes", "Layer sizes"],
  ["architecture", "Architecture"],
  ["layers", "Layers"],
];
const NOTES = {
  layer_sizes:
    "Linear layers with ReLU between them: numbers of a sample, sizes in between, numbers of an answer.",
  layers: 'A list of PyTorch\'s layers by their own names, such as {"type": "Linear", "out_features": 10}.',
};

export function ModelPart({ draft, change, architectures }) {
  const found = architectures.find((one) => one.architecture === draft.architecture);
  const fields = Object.fromEntries(
    Object.entries(found?.fields ?? {}).map(([name, field]) => [name, ofKind(field)]),
  );
  return html`<${Card} title="Model" note=${draft.way === "architecture" ? found?.about : NOTES[draft.way]}>
    <${Segmented} name="way" label="How the model is given" options=${WAYS} value=${draft.way} onChange=${(way) => change({ way })} />
    ${
      draft.way === "layer_sizes" &&
      html`<label class="field wide-field">
      <span>Layer sizes</span>
      <input type="text" placeholder="784, 128, 64, 10" value=${draft.layerSizes} onInput=${(event) => change({ layerSizes: event.target.value })} />
    </label>`
    }
    ${
      draft.way === "architecture" &&
      html`
      <label class="field wide-field">
        <span>Architecture</span>
        <input type="text" list="architectures" value=${draft.architecture} onInput=${(event) => change({ architecture: event.target.value, config: {} })} />
        <datalist id="architectures">
          ${architectures.map((one) => html`<option value=${one.architecture}></option>`)}
        </datalist>
      </label>
      <${Fields} fields=${fields} texts=${draft.config} onChange=${(config) => change({ config })} />
    `
    }
    ${
      draft.way === "layers" &&
      html`<label class="field wide-field">
      <span>Layers, as JSON</span>
      <textarea rows="10" spellcheck=${false} value=${draft.layers} onInput=${(event) => change({ layers: event.target.value })}></textarea>
    </label>`
    }
  <//>`;
}
