import type { Schemas } from "../api";

export type Link = Schemas["Link"];

/** What the address of a followed link says: what to send, or what went wrong, or that a second link waits elsewhere. */
export type Followed = { kind: "link"; link: Link; type: string | undefined } | { kind: "other-address" } | { kind: "broken" };

/**
 * Reads a link's address. A mail template of one's own sends a hashed token, the default ones a code, or, where the auth
 * server makes no codes, a token in the fragment.
 */
export function readLink(search: string, hash: string): Followed {
  const query = new URLSearchParams(search);
  const fragment = new URLSearchParams(hash.replace(/^#/, ""));
  const of = (name: string) => query.get(name) ?? fragment.get(name) ?? undefined;
  if (of("error") !== undefined || of("error_code") !== undefined) return { kind: "broken" };
  const type = of("type");
  const tokenHash = query.get("token_hash");
  if (tokenHash !== null && type !== undefined) return { kind: "link", link: { token_hash: tokenHash, type }, type };
  const code = query.get("code");
  const flow = query.get("flow");
  if (code !== null && flow !== null) return { kind: "link", link: { code, flow }, type: undefined };
  const refresh = fragment.get("refresh_token");
  if (refresh !== null && type !== undefined) return { kind: "link", link: { refresh_token: refresh, type }, type };
  if (of("message") !== undefined) return { kind: "other-address" };
  return { kind: "broken" };
}

/** What the button that follows a link says. */
export function actionOf(type: string | undefined): string {
  switch (type) {
    case "signup":
      return "Confirm my e-mail address";
    case "recovery":
    case "invite":
      return "Choose a password";
    case "magiclink":
      return "Sign in";
    case "email_change":
      return "Confirm the new address";
    default:
      return "Continue";
  }
}

/** What went wrong on the way back from a provider, by the code in the address; another code says nothing. */
export function problemOf(code: string | null): string | undefined {
  switch (code) {
    case "provider_refused":
      return "The provider did not sign you in. Try again, or sign in another way.";
    case "provider_lost":
      return "This sign-in was begun in another browser or took too long. Try again.";
    case "email_needed":
      return "The provider did not say your e-mail address, and an account needs one.";
    case "unavailable":
      return "Signing in is not possible at the moment. Try again in a minute.";
    default:
      return undefined;
  }
}
