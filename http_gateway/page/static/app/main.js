import { html, render, useEffect } from "./html.js";
import { connection, keepConnected } from "./live.js";
import { linkTo, route } from "./router.js";
import { loadSession, session, signOut } from "./session.js";
import { Store, useStore } from "./store.js";
import { theme, toggleTheme } from "./theme.js";
import { Loading, Problem } from "../parts/ui.js";
import { Compare } from "../views/compare.js";
import { Devices } from "../views/devices.js";
import { JobView } from "../views/job/job.js";
import { Jobs } from "../views/jobs.js";
import { NewJob } from "../views/new_job/new_job.js";
import { SignIn } from "../views/sign_in.js";
import { TryIt } from "../views/try/try_it.js";

const PLACES = [
  ["jobs", "Jobs"],
  ["devices", "Devices"],
  ["try", "Try it"],
];
const VIEWS = { jobs: Jobs, compare: Compare, new: NewJob, devices: Devices, try: TryIt };
const OF_THE_JOBS = new Set(["compare", "new"]);
const CONNECTION_TEXTS = { connecting: "Connecting", live: "Live", lost: "Not connected" };
const startError = new Store(null);

function viewOf(parts) {
  if (parts[0] === "jobs" && parts.length > 1) return JobView;
  return VIEWS[parts[0]] ?? Jobs;
}

function App() {
  const known = useStore(session);
  const error = useStore(startError);
  const { parts } = useStore(route);
  const isIn = known?.signed_in === true;
  return html`
    <a class="skip" href="#main" onClick=${toMain}>Skip to the content</a>
    <${TopBar} place=${parts[0]} known=${known} />
    <main id="main" tabindex="-1">
      ${error && !known && html`<${Problem} error=${error} retry=${begin} />`}
      ${!known && !error && html`<${Loading} />`}
      ${isIn && html`<${ConnectionNote} /><${View} parts=${parts} />`}
      ${known && !isIn && html`<${SignIn} />`}
    </main>
  `;
}

// The place in the navigation that a view belongs to.
function under(place) {
  return OF_THE_JOBS.has(place) ? "jobs" : place;
}

function View({ parts }) {
  const Shown = viewOf(parts);
  useEffect(() => {
    document.title = `${[...parts].reverse().join(" · ")} – Tandem`;
  }, [parts]);
  return html`<${Shown} key=${parts.slice(0, 2).join("/")} parts=${parts} />`;
}

function TopBar({ place, known }) {
  const shown = useStore(theme);
  const isIn = known?.signed_in === true;
  return html`<header class="top">
    <a class="brand" href=${linkTo("jobs")}><img src="/page/icon.svg" alt="" width="22" height="22" />Tandem</a>
    ${
      isIn &&
      html`<nav aria-label="Views">
      ${PLACES.map(
        ([key, text]) => html`<a
          href=${linkTo(key)}
          aria-current=${key === under(place) ? "page" : undefined}
          >${text}</a
        >`,
      )}
    </nav>`
    }
    <div class="top-end">
      ${isIn && html`<${ConnectionMark} />`}
      <a class="quiet" href="/docs">API</a>
      <button type="button" class="quiet" onClick=${toggleTheme}>
        ${shown === "dark" ? "Light" : "Dark"}
      </button>
      ${
        isIn &&
        known.needs_token &&
        html`<button type="button" class="quiet" onClick=${signOut}>Sign out</button>`
      }
    </div>
  </header>`;
}

function ConnectionMark() {
  const { state } = useStore(connection);
  return html`<span class=${`connection ${state}`} role="status">${CONNECTION_TEXTS[state]}</span>`;
}

function ConnectionNote() {
  const { state, text } = useStore(connection);
  if (state !== "lost") return null;
  return html`<div class="callout warning" role="status">
    <p>${text} What you see may be old. The page connects again by itself.</p>
  </div>`;
}

// The address behind the # belongs to the views.
function toMain(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

async function begin() {
  try {
    startError.value = null;
    await loadSession();
  } catch (error) {
    startError.value = error;
  }
}

render(html`<${App} />`, document.getElementById("app"));
begin();
keepConnected();
