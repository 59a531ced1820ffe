// The answer of an evaluation: metrics, which classes are taken for which, the worst samples.

import { html, useState } from "../../app/html.js";
import { counted, metricLabel, metricText, moment, number, percent, seconds } from "../../app/format.js";
import { ConfusionMatrix } from "../../parts/confusion_matrix.js";
import { Card, Empty, Scroll, Tile } from "../../parts/ui.js";

const MOST_IN_MATRIX = 40; // classes that a table shows so that people can read it
const FIRST_CLASSES = 20;

export function Evaluated({ answer, measuredAt }) {
  const names = answer.class_names;
  const matrix = answer.confusion_matrix;
  const hasMatrix = matrix !== null && matrix.length > 1 && matrix.length <= MOST_IN_MATRIX;
  return html`
    <${Metrics} answer=${answer} measuredAt=${measuredAt} />
    ${hasMatrix && html`<${Matrix} matrix=${matrix} names=${names} />`}
    ${!hasMatrix && answer.confusions.length > 0 && html`<${Confusions} confusions=${answer.confusions} names=${names} />`}
    ${answer.classes.length > 0 && html`<${Classes} classes=${answer.classes} />`}
    <${Worst} worst=${answer.worst} names=${names} />
  `;
}

function Metrics({ answer, measuredAt }) {
  const splits = answer.splits.join(" and ");
  const samples = counted(answer.num_samples, "sample");
  return html`<${Card}
    title="Metrics"
    note=${`${answer.data}, ${splits}: ${samples} in ${seconds(answer.seconds)}, at ${moment(measuredAt)}`}
  >
    <div role="status">
      <dl class="tiles">
        ${Object.entries(answer.metrics).map(
          ([name, value]) => html`<${Tile} key=${name} label=${metricLabel(name)} value=${metricText(name, value)} />`,
        )}
      </dl>
    </div>
  <//>`;
}

function Matrix({ matrix, names }) {
  return html`<${Card}
    title="Which class is taken for which"
    note="A row for what samples are, a column for what they were taken for. The stronger the colour, the larger the share of its row."
  >
    <${ConfusionMatrix} matrix=${matrix} nameOf=${(index) => said(index, names)} />
  <//>`;
}

function Confusions({ confusions, names }) {
  return html`<${Card} title="The most frequent mistakes">
    <${Scroll} label="The most frequent mistakes">
      <table>
        <thead>
          <tr>
            <th scope="col">It is</th>
            <th scope="col">It was taken for</th>
            <th scope="col" class="figure">Times</th>
          </tr>
        </thead>
        <tbody>
          ${confusions.map(
            ({ target, predicted, count }) => html`<tr>
              <td>${said(target, names)}</td>
              <td>${said(predicted, names)}</td>
              <td class="figure">${count.toLocaleString("en")}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    <//>
  <//>`;
}

function Classes({ classes }) {
  const [isWhole, setWhole] = useState(classes.length <= FIRST_CLASSES);
  const shown = isWhole ? classes : classes.slice(0, FIRST_CLASSES);
  return html`<${Card}
    title="Each class"
    note="Precision: the share of what was taken for it that is it. Recall: the share of its samples that were taken for it."
  >
    <${Scroll} label="Each class">
      <table>
        <thead>
          <tr>
            <th scope="col">Class</th>
            <th scope="col" class="figure">Samples</th>
            <th scope="col" class="figure">Taken for it</th>
            <th scope="col" class="figure">Precision</th>
            <th scope="col" class="figure">Recall</th>
          </tr>
        </thead>
        <tbody>
          ${shown.map(
            (one) => html`<tr key=${one.index}>
              <th scope="row">${one.name === null ? one.index : visible(one.name)}</th>
              <td class="figure">${one.num_samples.toLocaleString("en")}</td>
              <td class="figure">${one.num_predicted.toLocaleString("en")}</td>
              <td class="figure">${percent(one.precision)}</td>
              <td class="figure">${percent(one.recall)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    <//>
    ${
      !isWhole &&
      html`<div class="actions">
      <button type="button" onClick=${() => setWhole(true)}>Show all ${counted(classes.length, "class", "es")}</button>
    </div>`
    }
  <//>`;
}

function Worst({ worst, names }) {
  return html`<${Card} title="The worst samples" note="Those with the largest loss, the largest first.">
    ${worst.length === 0 && html`<${Empty} title="No sample was looked at" />`}
    ${
      worst.length > 0 &&
      html`<${Scroll} label="The worst samples">
      <table>
        <thead>
          <tr>
            <th scope="col">Sample</th>
            <th scope="col">It is</th>
            <th scope="col">The network says</th>
            <th scope="col" class="figure">Loss</th>
          </tr>
        </thead>
        <tbody>
          ${worst.map(
            (one) => html`<tr key=${`${one.split} ${one.index}`}>
              <th scope="row">${one.place ?? `${one.split} ${one.index}`}</th>
              <td>${said(one.target, names)}</td>
              <td>${said(one.predicted, names)}</td>
              <td class="figure">${number(one.loss)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    <//>`
    }
  <//>`;
}

// A class by its name, labels and numbers as they are.
function said(value, names) {
  if (value === null) return "–";
  if (names && Number.isInteger(value)) return visible(names[value]);
  return Array.isArray(value) ? value.map((one) => number(one)).join(", ") : String(value);
}

// In quotes where it could not be seen, such as a space of a text.
function visible(name) {
  return /^[^\p{C}\s]([^\p{C}]*[^\p{C}\s])?$/u.test(name) ? name : JSON.stringify(name);
}
