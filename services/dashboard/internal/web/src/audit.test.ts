import { expect, test } from "vitest";
import { actionWords, actors, actorWords, subjects, toCSV } from "./audit";

test("an action reads as words", () => {
  expect(actionWords("token.created")).toBe("Token: created");
  expect(actionWords("deploy_hook.token_revoked")).toBe("Deploy hook: token revoked");
});

test("a sign-in that failed is called so, and is found by who did it", () => {
  expect(actionWords("session.refused")).toBe("Sign-in: refused");
  expect(actorWords({ actor: "nobody" })).toBe("Nobody signed in");
  expect(actors.map(([name]) => name)).toContain("nobody");
});

test("whatever is written down can be chosen", () => {
  const chosen = subjects.map(([name]) => name);
  for (const action of ["email.changed", "password.changed", "export.requested", "import.created", "analysis.requested", "billing.portal_opened", "share.created"]) {
    expect(chosen).toContain(action.split(".")[0]);
  }
});

test("whoever acted is named as well as it can be", () => {
  expect(actorWords({ actor: "user:018f0000-0000", actor_name: "ann@example.test" })).toBe("ann@example.test");
  expect(actorWords({ actor: "user:018f0000-0000" })).toBe("Person 018f0000");
  expect(actorWords({ actor: "token:018f0000-0000", actor_name: "CI" })).toBe("Token CI");
  expect(actorWords({ actor: "hook:github" })).toBe("Deploy hook (github)");
  expect(actorWords({ actor: "service:operator" })).toBe("Operator");
  expect(actorWords({ actor: "service:verifier" })).toBe("Specter (verifier)");
});

test("a spreadsheet runs nothing of what is downloaded", () => {
  const entry = { id: 1, at: "2026-01-01T00:00:00Z", actor: "token:x", actor_name: '=HYPERLINK("http://evil")', action: "a.b", subject_type: "a", prev_hash: "00", hash: "ff" };
  const [header, row] = toCSV([entry]).split("\r\n");
  expect(header).toContain('"actor_name"');
  expect(row).toContain(`"'=HYPERLINK(""http://evil"")"`);
});
