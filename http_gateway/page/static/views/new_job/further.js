// How the job trains, and what most jobs leave as it is.

import { html, useMemo } from "../../app/html.js";
import { Fields, Further, ofSchema, split } from "../../parts/fields.js";
import { Card } from "../../parts/ui.js";

const USUAL_TRAIN = ["epochs", "learning_rate", "optimizer", "max_steps"];
const MOST_FIRST = 6; // more are better looked for

export function TrainPart({ draft, change, schemas }) {
  const fields = ofSchema(schemas.TrainConfig, schemas);
  const begun = useMemo(() => Object.keys(draft.train), []); // a field must not move while one types
  const isFew = begun.length <= MOST_FIRST;
  const [first, further] = split(
    fields,
    (name) => USUAL_TRAIN.includes(name) || (isFew && begun.includes(name)),
  );
  const set = (train) => change({ train });
  return html`<${Card} title="Training">
    <${Fields} fields=${first} texts=${draft.train} onChange=${set} />
    <${Further} fields=${further} texts=${draft.train} onChange=${set} />
  <//>`;
}

export function DetailsPart({ draft, change, schemas, policies }) {
  const { seed, initial_weights: weights } = ofSchema(schemas.ModelConfig, schemas);
  const { task } = ofSchema(schemas.CreateJob, schemas);
  const parts = [
    ["Task and weights", { task, seed, initial_weights: weights }, "details"],
    ["Failures", policies.failurePolicy, "failurePolicy"],
    ["Checkpoints", policies.checkpoints, "checkpoints"],
  ];
  return html`<${Card} title="Details" note="Most jobs leave them as they are.">
    ${parts.map(
      ([title, fields, name]) => html`<div class="detail">
        <h3>${title}</h3>
        <${Further} fields=${fields} texts=${draft[name]} onChange=${(texts) => change({ [name]: texts })} />
      </div>`,
    )}
  <//>`;
}
