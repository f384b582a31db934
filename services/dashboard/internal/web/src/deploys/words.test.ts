import { describe, expect, it } from "vitest";
import type { Deployment, Schemas } from "../api";
import { actorWords, curlSnippet, deploymentLink, emptyForm, formOf, inputMoment, patchOf, reportOf, shippedAs, stepWords, trailer, workflowSnippet } from "./words";

const sha = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
const step = (action: string, detail: Record<string, unknown>): Schemas["DeploymentStep"] => ({ at: "2026-01-05T10:00:00Z", actor: "user:1", action, detail });
const deployment = (more: Partial<Deployment> = {}): Deployment =>
  ({ id: "d", status: "deployed", deployed_at: "2026-01-05T10:00:30.123456Z", canary_share: 100, version: "2.3.2", ...more }) as Deployment;

describe("what shipped", () => {
  it("is named by version and commit", () => {
    expect(shippedAs({ version: "2.3.2", commit: sha })).toBe("2.3.2 (6dcb09b5b578)");
    expect(shippedAs({ commit: sha })).toBe("6dcb09b5b578");
    expect(shippedAs({ version: "2.3.2" })).toBe("2.3.2");
    expect(shippedAs({ commit: "build 7" })).toBe("build 7");
    expect(shippedAs({})).toBe("");
  });

  it("links to what was given, else to the commit, and never to a script", () => {
    const merged = { merged_at: "x", commit: sha, commit_url: "https://github.com/a/b/commit/1" };
    expect(deploymentLink({ url: "https://ci.example.com/7", merged })).toBe("https://ci.example.com/7");
    expect(deploymentLink({ merged })).toBe(merged.commit_url);
    expect(deploymentLink({ url: "javascript:alert(1)" })).toBeUndefined();
    expect(deploymentLink({})).toBeUndefined();
  });
});

describe("a step of the history", () => {
  it("says who", () => {
    expect(actorWords({ actor: "user:1", actor_name: "ada@example.com" })).toBe("ada@example.com");
    expect(actorWords({ actor: "hook:github" })).toBe("GitHub");
    expect(actorWords({ actor: "hook:deploy" })).toBe("the deploy hook");
    expect(actorWords({ actor: "service:verifier" })).toBe("Specter (verifier)");
    expect(actorWords({ actor: "token:1" })).toContain("gone");
  });

  it("says what, and what changed", () => {
    expect(stepWords(step("deployment.deployed", { version: "2", via: "hook", canary_share: 10 }))).toEqual({
      what: "Deployed",
      how: ["version 2", "to 10 % of the traffic", "reported by a pipeline"],
    });
    expect(stepWords(step("deployment.edited", { canary_share: 50, old_canary_share: 10, version: "", old_version: "2" })).how).toEqual([
      "version nothing instead of 2",
      "traffic 50 % instead of 10 %",
    ]);
    expect(stepWords(step("deployment.verified", { outcome: "no_effect" }))).toEqual({ what: "Verdict", how: ["no effect"] });
    expect(stepWords(step("deployment.something_new", {}))).toEqual({ what: "something new", how: [] });
  });
});

describe("a form", () => {
  it("says only what was typed", () => {
    expect(reportOf(emptyForm)).toEqual({});
    const at = inputMoment("2026-01-05T10:00:00Z");
    expect(reportOf({ ...emptyForm, version: "1", share: "0", at })).toEqual({ version: "1", canary_share: 0, deployed_at: "2026-01-05T10:00:00.000Z" });
  });

  it("sends only what was changed", () => {
    const d = deployment();
    expect(patchOf(d, formOf(d))).toEqual({});
    expect(patchOf(d, { ...formOf(d), version: "", share: "50" })).toEqual({ version: "", canary_share: 50 });
    expect(patchOf(d, { ...formOf(d), at: inputMoment("2026-01-05T09:00:00Z") })).toEqual({ deployed_at: "2026-01-05T09:00:00.000Z" });
  });
});

it("snippets can be pasted as they are", () => {
  expect(curlSnippet("https://x/api/hooks/deploy/sph_1")).toContain('curl -sS https://x/api/hooks/deploy/sph_1 \\\n  -d commit="$(git rev-parse HEAD)"');
  expect(workflowSnippet()).toContain("${{ secrets.SPECTER_DEPLOY_HOOK }}");
  expect(trailer("p")).toBe("Specter-Proposal: p");
});
