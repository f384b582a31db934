import { expect, test } from "vitest";
import { expiry, history, lifetimes, type Share } from "./sharing";

const share: Share = {
  id: "1",
  deployment_id: "2",
  title: "One",
  hint: "sps_AbCd",
  status: "active",
  created_by: "user:3",
  created_at: "2026-06-10T12:00:00Z",
};

test("a link ends after its days, or not at all", () => {
  const now = Date.parse("2026-06-10T12:00:00Z");
  expect(expiry("30", now)).toBe("2026-07-10T12:00:00.000Z");
  expect(expiry("", now)).toBeUndefined();
  expect(lifetimes.map(([days]) => days)).toContain("");
});

test("a link's line says who made it, until when it opens and when it was read", () => {
  expect(history(share)).toMatch(/^made .*10.* by you · no expiry · never read$/);
  expect(history({ ...share, created_by: "token:4", expires_at: "2026-07-10T12:00:00Z", last_seen_at: "2026-06-11T12:00:00Z" })).toMatch(
    /by a token · expires .*Jul.* · last read .*11/,
  );
  expect(history({ ...share, status: "revoked", revoked_at: "2026-06-12T12:00:00Z" })).toMatch(/revoked .*12.* · never read$/);
});
