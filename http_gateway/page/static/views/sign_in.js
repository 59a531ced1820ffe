import { html, useState } from "../app/html.js";
import { Card, Problem, useAction } from "../parts/ui.js";
import { signIn } from "../app/session.js";

export function SignIn() {
  const [token, setToken] = useState("");
  const { busy, error, run } = useAction();
  function send(event) {
    event.preventDefault();
    run("signing in", () => signIn(token.trim()));
  }
  return html`<div class="narrow">
    <h1>Sign in</h1>
    <${Card}>
      <form class="stack" onSubmit=${send}>
        <p>This gateway was started with a token. Type it in once; this browser stays signed in for a week.</p>
        <label class="field">
          <span>Token</span>
          <input
            type="password"
            autocomplete="current-password"
            required
            value=${token}
            onInput=${(event) => setToken(event.target.value)}
          />
        </label>
        ${error && html`<${Problem} error=${error} />`}
        <div class="actions">
          <button type="submit" class="primary" disabled=${busy !== null}>Sign in</button>
        </div>
        <p class="note">
          The token is in the variable <code>TANDEM_API_TOKEN</code> or in the file that the setting
          <code>api_token_file</code> names, on the gateway's machine.
        </p>
      </form>
    <//>
  </div>`;
}
