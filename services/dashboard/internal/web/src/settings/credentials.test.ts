import { describe, expect, it } from "vitest";
import { endIn, history, lastUse, originsOf, scopeGroups } from "./credentials";

const now = Date.parse("2026-06-01T12:00:00Z");
const made = { status: "active", created_at: "2026-05-01T12:00:00Z" } as const;

describe("a key's or token's history", () => {
  it("says when it was used and how it ends", () => {
    expect(history(made, now)).toMatch(/^never used · made /);
    expect(history({ ...made, last_used_at: "2026-06-01T11:57:00Z", expires_at: "2026-06-02T12:00:00Z" }, now)).toMatch(/^last used 3 min ago · .*· ends 2 Jun/);
    expect(history({ ...made, status: "expired", expires_at: "2026-05-31T12:00:00Z" }, now)).toMatch(/ended 31 May/);
    expect(history({ ...made, status: "revoked", revoked_at: "2026-05-31T12:00:00Z", expires_at: "2026-06-09T12:00:00Z" }, now)).not.toMatch(/ends/);
  });

  it("warns before something in use is revoked", () => {
    expect(lastUse(made, now)).toBe("It was never used.");
    expect(lastUse({ ...made, last_used_at: "2026-06-01T11:57:00Z" }, now)).toMatch(/still relies/);
    expect(lastUse({ ...made, last_used_at: "2026-05-20T11:57:00Z" }, now)).toBe("It was last used 12 d ago.");
  });
});

describe("what people type", () => {
  it("reads origins however they are set apart", () => {
    expect(originsOf(" https://a.example, https://b.example\n\thttps://*.c.example ")).toEqual(["https://a.example", "https://b.example", "https://*.c.example"]);
    expect(originsOf(" \n ")).toEqual([]);
  });

  it("counts days from now, or never", () => {
    expect(endIn("30", now)).toBe("2026-07-01T12:00:00.000Z");
    expect(endIn("", now)).toBeUndefined();
  });
});

it("explains every scope once", () => {
  const all = scopeGroups.flatMap((group) => group.scopes.map(([scope]) => scope));
  expect(new Set(all).size).toBe(all.length);
  expect(all).toHaveLength(12);
});
