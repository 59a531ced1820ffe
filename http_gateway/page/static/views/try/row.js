import { html, useState } from "../../app/html.js";
import { linesOf } from "../../app/answers.js";
import { call } from "../../app/api.js";
import { Bars } from "../../parts/bars.js";
import { Fields, textOf, valueOf } from "../../parts/fields.js";
import { Result } from "../../parts/result.js";
import { Card, useAction } from "../../parts/ui.js";

// A row of a table, by the names of its columns; it begins as one of the data's own rows.
export function TryRow({ path, job, data }) {
  const [texts, setTexts] = useState(() => textsOf(data));
  const fields = Object.fromEntries(data.columns.map((column) => [column.name, fieldOf(column)]));
  return html`<${Asked}
    path=${path}
    job=${job}
    data=${data}
    title="A row"
    note=${`${data.columns.length} columns; it begins as a row of the data.`}
    body=${() => ({ rows: [rowOf(data.columns, texts)] })}
  >
    <${Fields} fields=${fields} texts=${texts} onChange=${setTexts} />
  <//>`;
}

function textsOf({ columns, examples }) {
  const row = examples[0]?.input ?? {};
  return Object.fromEntries(columns.map(({ name }) => [name, textOf(row[name])]));
}

function fieldOf(column) {
  if (column.type !== "categories") return { says: "a number" };
  const isWhole = column.num_categories === column.categories.length;
  return isWhole ? { choices: column.categories } : { says: `one of ${column.num_categories} categories` };
}

// A category is a text, whatever it looks like; what is empty is left out.
function rowOf(columns, texts) {
  const given = columns.filter(({ name }) => (texts[name] ?? "").trim() !== "");
  return Object.fromEntries(
    given.map(({ name, type }) => [name, type === "categories" ? texts[name] : valueOf(texts[name])]),
  );
}

// Samples that have no form of their own: numbers, or tokens.
export function TryNumbers({ path, job, data }) {
  const count = data.inputs.shape.reduce((product, size) => product * size, 1);
  const [text, setText] = useState(() => (data.examples[0]?.input ?? []).join(", "));
  return html`<${Asked}
    path=${path}
    job=${job}
    data=${data}
    title="Numbers"
    note=${`${count} numbers, as the data is stored.`}
    body=${() => ({
      inputs: [
        text
          .split(/[\s,]+/)
          .filter(Boolean)
          .map(valueOf),
      ],
    })}
  >
    <textarea rows="6" aria-label="Numbers" value=${text} onInput=${(event) => setText(event.target.value)}></textarea>
  <//>`;
}

function Asked({ path, job, data, title, note, body, children }) {
  const [answer, setAnswer] = useState(null);
  const { busy, error, run } = useAction();
  async function ask(event) {
    event.preventDefault();
    setAnswer((await run("asking", () => call("POST", path, body()))) ?? null);
  }
  const classes = data.classes.map((one) => one.name);
  return html`<div class="try">
    <${Card} title=${title} note=${note}>
      <form class="stack" onSubmit=${ask}>
        ${children}
        <div class="actions"><button type="submit" class="primary" disabled=${busy !== null}>Ask</button></div>
      </form>
    <//>
    <${Result} answer=${answer} error=${error} busy=${busy}>
      ${answer && html`<${Bars} lines=${linesOf(answer, 0, classes)} title=${`Job ${job.job_id} judges`} />`}
    <//>
  </div>`;
}
