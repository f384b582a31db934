import type { Deployment, Schemas } from "../api";
import { asMoment } from "../format";

type Via = NonNullable<Deployment["reported_via"]>;
type Step = Schemas["DeploymentStep"];
export type Receipt = Schemas["DeployReceipt"];

const vias: Record<Via, string> = {
  web: "marked by hand",
  cli: "reported on the command line",
  sdk: "reported by an SDK",
  api: "reported by the API",
  hook: "reported by a pipeline",
  github_deployment: "noticed by a GitHub deployment",
  github_release: "noticed by a GitHub release",
  github_pull_request: "noticed by a merged pull request",
  github_push: "noticed by a push",
};

/** How it was noticed. */
export function viaWords(via: Via): string {
  return vias[via];
}

/** Where to read about what shipped: the link that was given, else the commit's page. */
export function deploymentLink(d: Pick<Deployment, "url" | "merged">): string | undefined {
  const link = d.url ?? d.merged?.commit_url;
  return link !== undefined && /^https?:\/\//.test(link) ? link : undefined;
}

/** A commit as people write it: twelve characters of a hash, anything else whole. */
export function shortCommit(commit: string): string {
  return /^[0-9a-f]{13,}$/.test(commit) ? commit.slice(0, 12) : commit;
}

/** What is shown of a version and a commit: "2.3.2 (6dcb09b5b578)". */
export function shippedAs(d: Pick<Deployment, "version" | "commit">): string {
  const commit = d.commit === undefined ? "" : shortCommit(d.commit);
  if (d.version === undefined) return commit;
  return commit === "" ? d.version : `${d.version} (${commit})`;
}

/** Who did a step: a name where there is one. */
export function actorWords(step: Pick<Step, "actor" | "actor_name">): string {
  if (step.actor_name !== undefined) return step.actor_name;
  const [kind = "", name = ""] = step.actor.split(":");
  switch (kind) {
    case "hook":
      return name === "github" ? "GitHub" : "the deploy hook";
    case "service":
      return `Specter (${name})`;
    case "token":
      return "an access token that is gone";
    default:
      return "a person";
  }
}

const stepNames: Record<string, string> = {
  "deployment.created": "Approved, waits to be shipped",
  "deployment.merged": "Merged, not deployed yet",
  "deployment.deployed": "Deployed",
  "deployment.edited": "Corrected",
  "deployment.cancelled": "Cancelled",
  "deployment.rolled_back": "Rolled back",
  "deployment.collecting": "Test registered, collecting",
  "deployment.verified": "Verdict",
  "deployment.regressed": "Verdict",
  "deployment.inconclusive": "Verdict",
};

const outcomes: Record<string, string> = { improved: "it improved", regressed: "it made things worse", no_effect: "no effect", inconclusive: "inconclusive" };

/** What happened in a step, and what of it changed. */
export function stepWords(step: Step): { what: string; how: string[] } {
  const detail = step.detail as Record<string, unknown>;
  const text = (name: string) => (typeof detail[name] === "string" ? (detail[name] as string) : "");
  const how: string[] = [];
  const changed = (name: string, words: string, show: (value: string) => string = (value) => value) => {
    if (!(name in detail)) return;
    const is = show(String(detail[name] ?? ""));
    const was = detail["old_" + name];
    if (was === undefined || was === "" || was === null) {
      if (is !== "") how.push(`${words} ${is}`);
    } else how.push(`${words} ${is || "nothing"} instead of ${show(String(was))}`);
  };
  changed("deployed_at", "at", asMoment);
  changed("rolled_back_at", "at", asMoment);
  changed("version", "version");
  changed("commit", "commit", shortCommit);
  changed("environment", "to");
  if (step.action === "deployment.edited") changed("canary_share", "traffic", (share) => `${share} %`);
  else if (typeof detail.canary_share === "number" && detail.canary_share !== 100) how.push(`to ${detail.canary_share} % of the traffic`);
  if (text("via") in vias) how.push(viaWords(text("via") as Via));
  if (text("outcome") !== "") how.push(outcomes[text("outcome")] ?? text("outcome"));
  return { what: stepNames[step.action] ?? step.action.replace("deployment.", "").replaceAll("_", " "), how };
}

/** An ISO moment as a datetime-local input wants it, in the person's own zone. */
export function inputMoment(iso: string | undefined): string {
  if (iso === undefined) return "";
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export interface Form {
  version: string;
  commit: string;
  url: string;
  environment: string;
  share: string;
  at: string;
}

export const emptyForm: Form = { version: "", commit: "", url: "", environment: "", share: "", at: "" };

export function formOf(d: Deployment): Form {
  return {
    version: d.version ?? "",
    commit: d.commit ?? "",
    url: d.url ?? "",
    environment: d.environment ?? "",
    share: d.canary_share === undefined ? "" : String(d.canary_share),
    at: inputMoment(d.deployed_at),
  };
}

/** What a form reports: what is empty is not said. */
export function reportOf(form: Form): Schemas["DeploymentReport"] {
  return {
    ...(form.version === "" ? {} : { version: form.version }),
    ...(form.commit === "" ? {} : { commit: form.commit }),
    ...(form.url === "" ? {} : { url: form.url }),
    ...(form.environment === "" ? {} : { environment: form.environment }),
    ...(form.share === "" ? {} : { canary_share: Number(form.share) }),
    ...(form.at === "" ? {} : { deployed_at: new Date(form.at).toISOString() }),
  };
}

/** What a form changes of a deployment. A time that stays is not sent: the input has no seconds. */
export function patchOf(d: Deployment, form: Form): Schemas["DeploymentPatch"] {
  const was = formOf(d);
  const patch: Schemas["DeploymentPatch"] = {};
  for (const name of ["version", "commit", "url", "environment"] as const) if (form[name] !== was[name]) patch[name] = form[name];
  if (form.share !== was.share && form.share !== "") patch.canary_share = Number(form.share);
  if (form.at !== was.at && form.at !== "") patch.deployed_at = new Date(form.at).toISOString();
  return patch;
}

/** A command for the end of a pipeline. */
export function curlSnippet(address: string): string {
  return `curl -sS ${address} \\\n  -d commit="$(git rev-parse HEAD)" \\\n  --data-urlencode message="$(git log -20 --format=%B)"`;
}

/** The same as a step of a GitHub workflow, with the address in a secret. */
export function workflowSnippet(): string {
  return `- name: Tell Specter\n  run: |\n    curl -sS "$SPECTER_DEPLOY_HOOK" -d commit="$GITHUB_SHA"\n  env:\n    SPECTER_DEPLOY_HOOK: \${{ secrets.SPECTER_DEPLOY_HOOK }}`;
}

/** The line that ties a commit or a pull request to a proposal. */
export function trailer(proposal: string): string {
  return `Specter-Proposal: ${proposal}`;
}
