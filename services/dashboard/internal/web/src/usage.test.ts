import { describe, expect, it } from "vitest";
import { keptFor } from "./settings/use-usage";

describe("for how long signals are kept", () => {
  it("is what the plan says", () => {
    expect(keptFor({ retention_months: 12 })).toBe("12 months");
    expect(keptFor({ retention_months: 1 })).toBe("1 month");
  });
  it("is longer for a while after the plan became smaller", () => {
    expect(keptFor({ retention_months: 3, kept_months: 24, kept_until: "2026-12-26T10:00:00Z" })).toBe("24 months; from 26 Dec 2026 on 3 months");
  });
});
