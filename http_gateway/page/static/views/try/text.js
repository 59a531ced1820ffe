import { html, useState } from "../../app/html.js";
import { call } from "../../app/api.js";
import { Fields, valuesOf } from "../../parts/fields.js";
import { Result } from "../../parts/result.js";
import { Card, useAction } from "../../parts/ui.js";

const OPTIONS = {
  max_tokens: { says: "so many are added" },
  temperature: { says: "lower is more probable, 0 takes the most probable", default: 1 },
  top_k: { says: "only from so many of the most probable" },
  seed: { says: "the same seed gives the same text", default: 0 },
};

export function TryText({ path, data }) {
  const [prompt, setPrompt] = useState(() => data.examples[0]?.input ?? "");
  const [texts, setTexts] = useState({ max_tokens: "200", temperature: "0.8" });
  const [answer, setAnswer] = useState(null);
  const { busy, error, run } = useAction();
  async function ask(event) {
    event.preventDefault();
    const body = { prompts: [prompt], ...valuesOf(texts) };
    const found = await run("asking", () => call("POST", path, body));
    setAnswer(found ? { ...found, prompt } : null);
  }
  return html`<div class="try">
    <${Card} title="A beginning" note="The network goes on with it.">
      <form class="stack" onSubmit=${ask}>
        <textarea rows="6" aria-label="Beginning of a text" value=${prompt} onInput=${(event) => setPrompt(event.target.value)}></textarea>
        <${Fields} fields=${OPTIONS} texts=${texts} onChange=${setTexts} />
        <div class="actions"><button type="submit" class="primary" disabled=${busy !== null}>Go on</button></div>
      </form>
    <//>
    <${Result} answer=${answer} error=${error} busy=${busy}>
      ${answer && html`<p class="written"><span class="note">${answer.prompt}</span>${answer.texts[0]}</p>`}
    <//>
  </div>`;
}
