import type { components, paths } from "@contract";
import createClient, { type Middleware } from "openapi-fetch";

export type Schemas = components["schemas"];
export type Product = Schemas["Product"];
export type Context = Schemas["Context"];
export type Finding = Schemas["Finding"];
export type Proposal = Schemas["Proposal"];
export type Deployment = Schemas["Deployment"];
export type Verification = Schemas["Verification"];
export type Signal = Schemas["Signal"];
export type Session = Schemas["Session"];

/** What went wrong, in the server's own words, with the id support asks for. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;
  /** What is wrong with single fields. */
  readonly details: readonly string[];

  constructor(problem: Partial<Schemas["Problem"]>, status: number) {
    super(problem.detail ?? problem.title ?? `The server answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? "unknown";
    this.requestId = problem.request_id;
    this.details = problem.errors?.map(({ detail }) => detail) ?? [];
  }
}

// The CSRF token of the session; every write carries it beside the cookie.
let csrfToken = "";

export function rememberSession(session: Session): Session {
  csrfToken = session.csrf_token;
  return session;
}

const csrf: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET" && csrfToken !== "") request.headers.set("X-CSRF-Token", csrfToken);
    return request;
  },
};

export const api = createClient<paths>({ baseUrl: "", credentials: "same-origin" });
api.use(csrf);

/** Posts something whose answer nobody waits for. */
export async function tell(path: string, body: unknown): Promise<void> {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrfToken };
  await fetch(path, { method: "POST", credentials: "same-origin", keepalive: true, headers, body: JSON.stringify(body) }).catch(() => undefined);
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Unwraps an answer of the API, or throws the problem it carries. */
export async function unwrap<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw new ApiError((error ?? {}) as Partial<Schemas["Problem"]>, response.status);
  return data as T;
}
