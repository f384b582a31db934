/** Where a deployment stands; see the state machine in the product's documentation. */
export type DeploymentStatus = "planned" | "deployed" | "collecting" | "verified" | "regressed" | "no_effect" | "inconclusive" | "cancelled" | "rolled_back";

/** An approved proposal on its way to proof, as the API tells it. */
export interface Deployment {
  id: string;
  product_id: string;
  context_id: string;
  proposal_id: string;
  title: string;
  status: DeploymentStatus;
  created_at: string;
  /** Counts the reports. */
  revision?: number;
  version?: string;
  commit?: string;
  url?: string;
  environment?: string;
  /** How it was noticed: web, cli, sdk, api, hook, github_deployment, github_release, github_pull_request, github_push. */
  reported_via?: string;
  /** Percent of the traffic that gets the change now. */
  canary_share?: number;
  deployed_at?: string;
  rolled_back_at?: string;
  /** Merged is not deployed. */
  merged?: { merged_at: string; commit: string; commit_url?: string; pull_request_url?: string };
  /** Other deployments in whose window this one is watched: their effects may not be told apart. */
  overlaps?: { deployment_id: string; title: string; status: DeploymentStatus; deployed_at: string; version?: string }[];
  /** Of get, not of list. */
  timeline?: { at: string; actor: string; actor_name?: string; action: string; detail: Record<string, unknown> }[];
  verification?: { id: string; status: string; method: string; registered_at: string; decided_at?: string; result?: Record<string, unknown> };
}

/** What shipped. All of it may be left out; times are Dates or RFC 3339. */
export interface DeploymentReport {
  deployed_at?: Date | string | undefined;
  version?: string | undefined;
  commit?: string | undefined;
  url?: string | undefined;
  environment?: string | undefined;
  /** Percent of the traffic. Default 100. */
  canary_share?: number | undefined;
}

/** A correction; what is left out stays. The time can be corrected until the test has its verdict. */
export interface DeploymentEdit extends DeploymentReport {
  /** From when a new canary_share holds. Default now. */
  canary_since?: Date | string | undefined;
}

/** What a pipeline tells a product's deploy hook; it names what shipped by commit, proposal, deployment, message or all. */
export interface DeployReport extends DeploymentReport {
  status?: "deployed" | "rolled_back" | undefined;
  proposal?: string | string[] | undefined;
  deployment?: string | string[] | undefined;
  /** A text with `Specter-Proposal: <id>` lines, such as a git log. */
  message?: string | undefined;
  /** Everything that is planned; needs commit or version. */
  all?: boolean | undefined;
  rolled_back_at?: Date | string | undefined;
}

/** What came of it. That nothing matched is no error: most of what ships has no proposal. */
export interface DeployAnswer {
  receipt_id: string;
  result: "matched" | "unchanged" | "unmatched" | "ignored";
  reason: string;
  repeated?: boolean;
  /** Their ids. */
  deployments: string[];
}

/** The server's refusal (RFC 9457). */
export class SpecterError extends Error {
  override name = "SpecterError";
  constructor(
    readonly status: number,
    /** Stable: key_scope, not_found, conflict, …; empty when the answer was not Specter's. */
    readonly code: string,
    detail: string,
    readonly requestId?: string,
  ) {
    super(status + " " + code + ": " + detail);
  }
}

export interface AccountOptions {
  host: string;
  /** An access token (spt_…) with the scopes deployments:read and deployments:write. */
  token: string;
  /** How long one request may take. Default 10000. */
  timeoutMs?: number | undefined;
}

/** Reads and reports the deployments of the token's account. A write is sent once: after an error that is no SpecterError, get tells whether it arrived. */
export function deployments({ host, token, timeoutMs = 10_000 }: AccountOptions) {
  const base = host.replace(/\/+$/, "") + "/api/v1/";
  const send = <Answer>(method: string, path: string, body?: object) =>
    exchange<Answer>(base + path, method, timeoutMs, body, { authorization: "Bearer " + token });
  const one = (id: string, rest = "") => "deployments/" + uuid(id) + rest;
  return {
    /** A product's deployments, newest first. */
    async *list(productId: string): AsyncGenerator<Deployment> {
      const path = "products/" + uuid(productId) + "/deployments?limit=100";
      for (let cursor = ""; ; ) {
        const page = await send<{ items: Deployment[]; next_cursor?: string }>("GET", path + cursor);
        yield* page.items;
        if (!page.next_cursor) return;
        cursor = "&cursor=" + encodeURIComponent(page.next_cursor);
      }
    },
    get: async (id: string) => send<Deployment>("GET", one(id)),
    /** It has shipped, which starts its verification. */
    report: async (id: string, report: DeploymentReport = {}) => send<Deployment>("POST", one(id, "/report"), report),
    /** Corrects what was reported, or tells of a new canary share. */
    edit: async (id: string, edit: DeploymentEdit) => send<Deployment>("PATCH", one(id), edit),
    /** It will not ship. */
    cancel: async (id: string) => send<Deployment>("POST", one(id, "/cancel"), {}),
    /** It was taken back, at a time or now. */
    rollBack: async (id: string, at?: Date | string) => send<Deployment>("POST", one(id, "/rollback"), { rolled_back_at: at }),
  };
}

/** Tells a product's deploy hook what shipped. The address is its own credential and appears in no error. Saying the same again is harmless. */
export async function reportDeploy(hookUrl: string, report: DeployReport, timeoutMs = 10_000): Promise<DeployAnswer> {
  return exchange<DeployAnswer>(hookUrl, "POST", timeoutMs, report, {});
}

/** As part of an address anything else could lead somewhere else. */
function uuid(id: string): string {
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id)) throw new TypeError("the id is not a UUID");
  return id;
}

async function exchange<Answer>(url: string, method: string, timeoutMs: number, body: object | undefined, headers: Record<string, string>): Promise<Answer> {
  let target: URL;
  try {
    target = new URL(url);
  } catch {
    throw new TypeError("the address is not one");
  }
  const request: RequestInit = { method, redirect: "error", signal: AbortSignal.timeout(timeoutMs), headers: { ...headers, "user-agent": "specter-node" } };
  if (body) {
    request.headers = { ...request.headers, "content-type": "application/json" };
    request.body = JSON.stringify(body);
  }
  const answer = await fetch(target, request);
  const text = await answer.text();
  let said: Record<string, unknown> = {};
  try {
    said = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // Not Specter's.
  }
  if (answer.ok && said && typeof said == "object" && Object.keys(said).length) return said as Answer;
  const word = (name: string) => (said && typeof said[name] == "string" ? (said[name] as string) : "");
  throw new SpecterError(answer.status, word("code"), word("detail") || "the answer is not Specter's", word("request_id") || undefined);
}
