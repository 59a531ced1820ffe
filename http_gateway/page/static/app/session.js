import { call, unauthorized } from "./api.js";
import { Store } from "./store.js";

// {needs_token, signed_in, ray_address}; null before the gateway has told.
export const session = new Store(null);

export async function loadSession() {
  session.value = await call("GET", "/session");
}

export async function signIn(token) {
  await call("PUT", "/session", { token });
  await loadSession();
}

export async function signOut() {
  await call("DELETE", "/session");
  await loadSession();
}

unauthorized.listen(() => {
  session.value = { needs_token: true, signed_in: false, ray_address: null };
});
