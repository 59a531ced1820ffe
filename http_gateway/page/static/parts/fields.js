// Form fields from what the API says of its own fields.

import { html, useId } from "../app/html.js";
import { counted } from "../app/format.js";

// A text as JSON where it is JSON, such as 3, [28, 28] or true, else as it is; undefined if empty.
export function valueOf(text) {
  const bare = text.trim();
  if (bare === "") return undefined;
  try {
    return JSON.parse(bare);
  } catch {
    return bare;
  }
}

export function textOf(value) {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

// The text that `valueOf` reads as this value.
export function textFor(value) {
  return typeof value === "string" && valueOf(value) === value ? value : JSON.stringify(value);
}

// The texts of a form's fields; what has no value is left out.
export function textsFor(values) {
  const given = Object.entries(values ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, textFor(value)]));
}

// The fields of a request from texts by name; what is empty is left out.
export function valuesOf(texts) {
  const pairs = Object.entries(texts).map(([name, text]) => [name, valueOf(text)]);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

// The choices in a sentence such as "one of 'relu', 'gelu'", or null.
export function choicesIn(says) {
  if (/^true or false/.test(says)) return ["true", "false"];
  const list = /^one of ((?:'[^']*'(?:, | or )?)+)/.exec(says);
  return list ? [...list[1].matchAll(/'([^']*)'/g)].map((found) => found[1]) : null;
}

// field: {says, default, required, choices, label}.
export function Field({ name, field, text, onInput }) {
  const id = useId();
  const choices = field.choices ?? choicesIn(field.says ?? "");
  const usual = field.default === undefined || field.default === null ? "" : textOf(field.default);
  const change = (event) => onInput(name, event.target.value);
  const hint = field.says ? `${id}-hint` : undefined;
  return html`<div class="field">
    <label for=${id}>${field.label ?? name}${field.required && html`<i aria-hidden="true"> *</i>`}</label>
    ${choices
      ? html`<select id=${id} aria-describedby=${hint} value=${text} onChange=${change}>
          <option value="">${usual ? `usual: ${usual}` : "usual"}</option>
          ${choices.map((choice) => html`<option key=${choice} value=${choice}>${choice}</option>`)}
        </select>`
      : html`<input
          id=${id}
          aria-describedby=${hint}
          type="text"
          spellcheck=${false}
          autocomplete="off"
          value=${text}
          placeholder=${usual}
          required=${field.required}
          onInput=${change}
        />`}
    ${field.says && html`<small id=${hint} class="note">${field.says}</small>`}
  </div>`;
}

// fields by name; texts by name.
export function Fields({ fields, texts, onChange }) {
  const set = (name, text) => onChange({ ...texts, [name]: text });
  return html`<div class="fields">
    ${Object.entries(fields).map(
      ([name, field]) =>
        html`<${Field} key=${name} name=${name} field=${field} text=${texts[name] ?? ""} onInput=${set} />`,
    )}
  </div>`;
}

// Fields that most people leave as they are.
export function Further({ fields, texts, onChange }) {
  const names = Object.keys(fields);
  if (names.length === 0) return null;
  const filled = names.filter((name) => (texts[name] ?? "").trim() !== "").length;
  return html`<details class="further">
    <summary>
      ${counted(names.length, "further field")}${filled > 0 && `, ${filled} filled in`}
    </summary>
    <${Fields} fields=${fields} texts=${texts} onChange=${onChange} />
  </details>`;
}

// Two parts of the fields: those that come first, and the others.
export function split(fields, isFirst) {
  const parts = [[], []];
  for (const [name, field] of Object.entries(fields)) parts[isFirst(name, field) ? 0 : 1].push([name, field]);
  return parts.map(Object.fromEntries);
}

// From a field of GET /api/sources and the like.
export function ofKind({ values, required, default: usual }) {
  return { says: values, required, default: usual };
}

// The properties of an object's schema in /openapi.json.
export function ofSchema(schema, schemas) {
  const entries = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const forms = formsOf(property, schemas);
    const choices = forms.flatMap((form) => form.enum ?? (form.const === undefined ? [] : [form.const]));
    return [
      name,
      {
        says: [property.description, rangeText(forms)].filter(Boolean).join("; "),
        default: property.default,
        required: (schema.required ?? []).includes(name),
        choices:
          choices.length &&
          forms.every((form) => form.enum || form.const !== undefined || form.type === "null")
            ? choices
            : undefined,
      },
    ];
  });
  return Object.fromEntries(entries);
}

function formsOf(property, schemas) {
  const forms = property.anyOf ?? property.oneOf ?? [property];
  return forms.flatMap((form) => {
    if (!form.$ref) return [form];
    return formsOf(schemas[form.$ref.split("/").at(-1)] ?? {}, schemas);
  });
}

function rangeText(forms) {
  const form = forms.find((one) => one.type === "integer" || one.type === "number");
  if (!form) return "";
  const low = form.minimum ?? form.exclusiveMinimum;
  const high = form.maximum ?? form.exclusiveMaximum;
  return low === undefined || high === undefined ? "" : `${low} to ${high.toLocaleString("en")}`;
}

export function OptionGroup({ label, names }) {
  if (names.length === 0) return null;
  return html`<optgroup label=${label}>
    ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
  </optgroup>`;
}
